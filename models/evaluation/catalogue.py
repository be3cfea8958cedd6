"""Every method by name, in the order of the report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from models.detector import no_limits
from models.evaluation import EvaluationError
from models.evaluation.ablations import VARIANTS, QuickTraining
from models.evaluation.article import Article
from models.evaluation.bands import IsolationLimit, PcaLimit
from models.evaluation.charted import (
    Averaged,
    Charted,
    Network,
    Nothing,
    Shuffled,
    fleet_view,
    principal_networks,
    unsigned_view,
    without_adaptive,
    without_anchored,
    without_high,
)
from models.evaluation.folds import Companions, Folds, as_shipped, learning_lives
from models.evaluation.limits import AdaptiveLimit, FixedLimit, log_rms
from models.evaluation.lives import Life

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from models.engines import Engine
    from models.evaluation import Method
    from models.evaluation.charted import Networks
    from models.evaluation.folds import Train
    from models.policy import LimitsLookup

OURS: Final = "bearingwatch"
COMPONENTS: Final = 8

BASELINES: Final = (
    "rms-3-sigma",
    "rms-6-sigma",
    "kurtosis-6-sigma",
    "envelope-6-sigma",
    "adaptive-log-rms",
    "pca-6-sigma",
    "pca-same-charts",
    "isolation-forest",
    "lstm-article",
)
"""Methods that ours has to be better than."""

WITHOUT: Final = (
    "no-network",
    "no-anchored-chart",
    "no-adaptive-chart",
    "no-high-chart",
    "no-own-baseline",
    "no-sign",
    "frames-shuffled",
    "frames-averaged",
)
"""Ours with a part taken out, nothing trained anew."""

TRAINED: Final = tuple(variant.name for variant in VARIANTS)
"""Ours with other networks, trained leaving the judged bearing out."""

NEEDS_KERAS: Final = ("lstm-article", *TRAINED)


@dataclass(frozen=True, slots=True)
class Setting:
    """What methods are made of; `limits` are the absolute ones that machines declare.

    With `leave_one_out` the product's network is trained per fold too. `epochs` are those of the
    folds, `quick_epochs` those of the small networks.
    """

    shipped: Network
    lives: Sequence[Life]
    limits: LimitsLookup = no_limits
    leave_one_out: bool = False
    epochs: int = 30
    quick_epochs: int = 8
    progress: Callable[[str], None] = lambda _: None


def names(*, ablations: bool) -> list[str]:
    """Return the methods of a run that asks for none by name, those that cannot run left out."""
    asked = [OURS, *BASELINES, *WITHOUT, *(TRAINED if ablations else ())]
    can_train = find_spec("keras") is not None
    return [name for name in asked if can_train or name not in NEEDS_KERAS]


def trains(chosen: Sequence[str], setting: Setting) -> bool:
    """Return whether one of these methods trains a network."""
    return setting.leave_one_out or bool(set(chosen) & set(NEEDS_KERAS))


def choose(chosen: Sequence[str], setting: Setting) -> list[Method]:
    """Return methods by name; raises `EvaluationError` for an unknown one or a missing extra."""
    refuse_unknown(chosen)
    known = {method.name: method for method in every(setting)}
    if find_spec("keras") is None and trains(chosen, setting):
        raise EvaluationError(
            "training needs TensorFlow: pip install --require-hashes -r requirements/training.txt"
        )
    return [known[name] for name in chosen]


def refuse_unknown(chosen: Sequence[str]) -> None:
    """Raise `EvaluationError` for a name that no method has."""
    known = [OURS, *BASELINES, *WITHOUT, *TRAINED]
    for name in chosen:
        if name not in known:
            raise EvaluationError(f"no method {name!r}; there are {', '.join(known)}")


def every(setting: Setting) -> list[Method]:
    """Return all methods; nothing is trained before it is asked to fit."""
    companions = Companions(setting.shipped.bundle)
    networks: Networks = lambda _first, _seed: setting.shipped  # noqa: E731
    if setting.leave_one_out:
        train = as_shipped(setting.shipped.bundle, setting.epochs)
        networks = _folds(setting, companions, train)
    ours = Charted(
        OURS,
        "the product, settings as shipped",
        networks,
        limits=setting.limits,
        random=setting.leave_one_out,
    )
    trained = [
        replace(
            ours,
            name=variant.name,
            about=variant.about,
            networks=_folds(
                setting,
                companions,
                QuickTraining(variant, setting.shipped.bundle.features.bands, setting.quick_epochs),
            ),
            random=True,
        )
        for variant in VARIANTS
    ]
    return [ours, *_baselines(setting), *_without(ours, setting), *trained]


def _folds(setting: Setting, companions: Companions, train: Train) -> Folds:
    return Folds(
        setting.shipped.bundle,
        setting.lives,
        companions,
        train,
        setting.progress,
    )


def _baselines(setting: Setting) -> list[Method]:
    bundle = setting.shipped.bundle
    return [
        FixedLimit("rms-3-sigma", "RMS, 3 sigma", Life.rms, 3.0),
        FixedLimit("rms-6-sigma", "RMS, 6 sigma", Life.rms, 6.0),
        FixedLimit("kurtosis-6-sigma", "kurtosis, 6 sigma", Life.kurtosis, 6.0),
        FixedLimit(
            "envelope-6-sigma",
            "RMS of the envelope of the demodulated band, 6 sigma",
            _envelope_rms,
            6.0,
        ),
        AdaptiveLimit(
            "adaptive-log-rms",
            "log RMS, 4 sigma, exponential mean and variance frozen while exceeding",
            log_rms,
            4.0,
        ),
        PcaLimit(COMPONENTS),
        Charted(
            "pca-same-charts",
            "PCA of the sensor's first windows in place of the network, same charts",
            principal_networks(bundle, COMPONENTS),
            limits=setting.limits,
        ),
        IsolationLimit(),
        Article(),
    ]


def _without(ours: Charted, setting: Setting) -> list[Method]:
    bundle = setting.shipped.bundle
    frames = bundle.features.frames

    def around(wrap: Callable[[Engine, int], Engine]) -> Networks:
        def networks(first: Life, seed: int) -> Network:
            network = ours.networks(first, seed)
            return Network(network.bundle, wrap(network.engine, seed))

        return networks

    return [
        replace(
            ours,
            name="no-network",
            about="no fleet training: the loss is the mean squared normalised departure",
            networks=lambda _first, _seed: Network(bundle, Nothing()),
            random=False,
        ),
        replace(
            ours,
            name="no-anchored-chart",
            about="all charts but the anchored one",
            policy=without_anchored,
        ),
        replace(
            ours,
            name="no-adaptive-chart",
            about="all charts but the adaptive one",
            policy=without_adaptive,
        ),
        replace(
            ours,
            name="no-high-chart",
            about="all charts but the one on the high bands",
            policy=without_high,
        ),
        replace(
            ours,
            name="no-own-baseline",
            about="bands measured by the other bearings' usual health",
            view=fleet_view(learning_lives(setting.lives)),
        ),
        replace(ours, name="no-sign", about="quieter counts as louder", view=unsigned_view),
        replace(
            ours,
            name="frames-shuffled",
            about="the network is given the frames in a random order",
            networks=around(lambda engine, seed: Shuffled(engine, frames, seed)),
            random=True,
        ),
        replace(
            ours,
            name="frames-averaged",
            about="the network is given the frames' average only",
            networks=around(lambda engine, _: Averaged(engine)),
        ),
    ]


def _envelope_rms(life: Life) -> NDArray[np.float64]:
    return life.envelope_rms
