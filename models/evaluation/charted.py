"""The product's detector, whole or with a part taken out.

Every variant is the detector that the daemon runs, with another network behind it, other chart
settings, or another view of the sensor. It is fitted by being commissioned.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from models.alerts import Zone
from models.detector import Detector, DetectorSettings, no_limits
from models.evaluation import Track
from models.evaluation.bands import baseline_of, principal_axes, sequences_of
from models.evaluation.lives import BATCH
from models.state import SensorState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from models.bundle import Bundle
    from models.engines import Engine
    from models.evaluation.lives import Life
    from models.judgement import Judgement
    from models.policy import ChartPolicy, LimitsLookup
    from pipelines.features import Observation
    from pipelines.normalise import Baseline
    from pipelines.window import SensorKey

    Networks = Callable[[Life, int], "Network"]
    States = dict[SensorKey, SensorState]

ZONES: tuple[Zone, ...] = (Zone.NORMAL, Zone.WARNING, Zone.ALARM)
NEVER = 1e9
"""A limit that nothing reaches, in standard deviations."""


@dataclass(frozen=True, slots=True)
class Network:
    """What judges: a bundle (its calibration and chart settings count) and an engine."""

    bundle: Bundle
    engine: Engine


def unchanged(policy: ChartPolicy) -> ChartPolicy:
    """Leave the chart settings as they are."""
    return policy


def without_anchored(policy: ChartPolicy) -> ChartPolicy:
    """Put the anchored chart's limit out of reach."""
    return replace(policy, anchored_sigmas=NEVER)


def without_adaptive(policy: ChartPolicy) -> ChartPolicy:
    """Put the adaptive chart's limit out of reach."""
    return replace(policy, adaptive_sigmas=NEVER)


def without_high(policy: ChartPolicy) -> ChartPolicy:
    """Put the limit of the chart on the high bands out of reach."""
    return replace(policy, high_sigmas=NEVER)


class View:
    """How a commissioned sensor's windows and baseline are seen; this one changes nothing."""

    def adopt(self, state: SensorState) -> SensorState:
        """Return the state to go on with, once when the sensor has been commissioned."""
        return state

    def see(self, observation: Observation, baseline: Baseline) -> Observation:
        """Return a window as the detector is to see it."""
        return observation


class Unsigned(View):
    """Quieter bands are mirrored into louder ones: what counts is the size of a departure."""

    def see(self, observation: Observation, baseline: Baseline) -> Observation:
        """Mirror the bands that are below the baseline, averaged over the frames."""
        usual = baseline.location[:, None, :]
        below = observation.log_bands.mean(axis=1, keepdims=True) < usual
        mirrored = np.where(below, 2 * usual - observation.log_bands, observation.log_bands)
        return replace(observation, log_bands=mirrored.astype(np.float32))


@dataclass(frozen=True)
class FleetBaseline(View):
    """Bands are measured by what is usual in the fleet, not by this sensor's own health."""

    fleet: tuple[Baseline, ...]

    def adopt(self, state: SensorState) -> SensorState:
        """Replace location and scale of the bands; level and lines stay the sensor's own."""
        own = state.cold.baseline
        if own is None or not self.fleet:
            return state
        bands = own.location.shape[1]
        centre, spread = own.centre.copy(), own.spread.copy()
        centre[:, :bands] = _usual([each.location for each in self.fleet])
        spread[:, :bands] = _usual([each.scale for each in self.fleet])
        baseline = replace(own, centre=centre, spread=spread)
        return SensorState(state.hot, replace(state.cold, baseline=baseline))


def _usual(parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean over sensors and axes, (bands,), NaN left out."""
    every = np.concatenate(parts)
    known = np.isfinite(every)
    total = np.where(known, every, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known.any(axis=0), total, np.nan).astype(np.float32)


def own_view(_first: Life) -> View:
    """See every sensor as it is."""
    return View()


def unsigned_view(_first: Life) -> View:
    """See the size of departures only."""
    return Unsigned()


def fleet_view(fleet: Sequence[Life]) -> Callable[[Life], View]:
    """Return the view that measures a sensor by the health of the other assets in `fleet`."""

    def view(first: Life) -> View:
        others = [life for life in fleet if life.key.asset != first.key.asset]
        return FleetBaseline(tuple(baseline_of(life.part(0, 100)) for life in others))

    return view


@dataclass(frozen=True, slots=True)
class Charted:
    """The product's detector; what makes a variant is `networks`, `policy` and `view`."""

    name: str
    about: str
    networks: Networks
    policy: Callable[[ChartPolicy], ChartPolicy] = unchanged
    view: Callable[[Life], View] = own_view
    limits: LimitsLookup = no_limits
    random: bool = False
    whole_rig: bool = False
    alarms: bool = True

    def fit(self, first: Life, seed: int) -> FittedCharted:
        """Commission the sensor on its first windows."""
        network = self.networks(first, seed)
        settings = DetectorSettings(charts=self.policy(network.bundle.charts))
        detector = Detector(network.bundle, network.engine, settings, self.limits)
        fitted = FittedCharted(detector, self.view(first))
        fitted.take(first.observations)
        return fitted


@dataclass(slots=True)
class FittedCharted:
    """A detector and the state of one sensor."""

    detector: Detector
    view: View
    states: States = field(default_factory=dict)
    adopted: bool = False

    def judge(self, rest: Life) -> Track:
        """Run on through the windows."""
        judged = self.take(rest.observations)
        return Track(
            zones=np.array([ZONES.index(one.zone) for one in judged], np.int8),
            value=np.array([one.loss for one in judged]),
            limit=np.array([one.threshold for one in judged]),
        )

    def take(self, observations: Sequence[Observation]) -> list[Judgement]:
        """Judge windows one batch after the other."""
        judged: list[Judgement] = []
        for batch in self._batches(observations):
            self._adopt()
            new, part = self.detector.judge(self.states, self._seen(batch))
            self.states.update(new)
            judged += part
        return judged

    def _batches(self, observations: Sequence[Observation]) -> Iterator[Sequence[Observation]]:
        """Yield batches: single windows until the sensor is commissioned and the view adopted."""
        start = 0
        while start < len(observations):
            size = BATCH if self.adopted or type(self.view) is View else 1
            yield observations[start : start + size]
            start += size

    def _adopt(self) -> None:
        """Let the view have its way with the state, once."""
        for key, state in self.states.items():
            if state.commissioned and not self.adopted:
                self.states[key] = self.view.adopt(state)
                self.adopted = True

    def _seen(self, observations: Sequence[Observation]) -> list[Observation]:
        seen = []
        for one in observations:
            state = self.states.get(one.key)
            baseline = None if state is None else state.cold.baseline
            seen.append(one if baseline is None else self.view.see(one, baseline))
        return seen


class Nothing:
    """Reconstructs nothing: the loss is the mean square of the departures."""

    name = "nothing"

    def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return zeros."""
        return np.zeros_like(sequences)


class Principal:
    """Reconstructs a sequence from a few principal components."""

    name = "principal"

    def __init__(self, sequences: NDArray[np.float32], components: int) -> None:
        rows = sequences.reshape(len(sequences), -1).astype(np.float64)
        self._mean, self._axes = principal_axes(rows, components)

    def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the components keep."""
        rows = sequences.reshape(len(sequences), -1) - self._mean
        kept = rows @ self._axes.T @ self._axes + self._mean
        return kept.reshape(sequences.shape).astype(np.float32)


class Shuffled:
    """Another engine that is given the frames in a fixed random order."""

    name = "shuffled"

    def __init__(self, engine: Engine, frames: int, seed: int) -> None:
        self._engine = engine
        self._order = np.random.default_rng(seed).permutation(frames)

    def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the reconstruction with its frames where they belong."""
        result = np.empty_like(sequences)
        result[:, self._order] = self._engine.reconstruct(sequences[:, self._order])
        return result


class Averaged:
    """Another engine that is given the mean of the frames in place of each.

    It answers with what leaves the residual of the averaged sequence, so that the loss is that of
    a window of which only the mean over its frames is known.
    """

    name = "averaged"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the sequence less the residual of its average."""
        mean = np.broadcast_to(sequences.mean(axis=1, keepdims=True), sequences.shape)
        mean = np.ascontiguousarray(mean, np.float32)
        return np.asarray(sequences - (mean - self._engine.reconstruct(mean)), np.float32)


def principal_networks(bundle: Bundle, components: int) -> Networks:
    """Return networks that are principal components of the judged sensor's first windows."""

    def networks(first: Life, _seed: int) -> Network:
        sequences = sequences_of(first, baseline_of(first))
        return Network(bundle, Principal(sequences.reshape(-1, *sequences.shape[2:]), components))

    return networks
