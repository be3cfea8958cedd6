"""Writing bundles: checked first, complete or not at all, never over another one."""

from __future__ import annotations

import importlib.metadata
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.bundle import (
    CARD,
    CHARTS,
    FEATURES,
    FORMAT,
    GOLDEN,
    LARGEST_BYTES,
    MANIFEST,
    TRAINING,
    Bundle,
    BundleError,
    Manifest,
    canonical_json,
    load_bundle,
    read_golden,
    sha256,
)
from models.engines import NETWORK_KERAS, NETWORK_ONNX, open_engine
from models.golden import Golden

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.calibration import Calibration
    from models.policy import ChartPolicy
    from pipelines.features import FeatureSettings

LIBRARIES: Final = ("bearingwatch", "keras", "tensorflow", "onnx", "onnxruntime", "numpy")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a bundle is made of; `created` is a date such as 2026-11-24.

    `golden.loss` is what the engine `onnx` gives: it is computed while writing.
    """

    name: str
    created: str
    features: FeatureSettings
    charts: ChartPolicy
    calibration: Calibration
    training: Mapping[str, Any]
    card: str
    golden: Golden
    network_keras: bytes
    network_onnx: bytes
    libraries: Mapping[str, str]


def write_bundle(parts: Parts, out: Path) -> Bundle:
    """Write a bundle as the new directory `out` and return it, loaded and verified.

    Refuses with `BundleError` where `out` exists, the files are over 2 MiB, or the engines `onnx`
    and `tensorflow` disagree on the golden sequences by more than 1e-4 relative.
    """
    if out.exists():
        raise BundleError(f"{out}: exists; a bundle is never overwritten: choose another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".bundle-") as scratch:
        draft = Path(scratch) / out.name
        draft.mkdir()
        _write_networks(parts, draft)
        _write_files(_files(_with_losses(parts, draft)), parts, draft)
        _check_size(draft)
        _check_engines(load_bundle(draft))
        shutil.move(draft, out)
    return load_bundle(out)


def read_parts(bundle: Bundle) -> Parts:
    """Return what a bundle was made of, to publish it anew with other chart settings or card."""
    return Parts(
        name=bundle.name,
        created=bundle.created,
        features=bundle.features,
        charts=bundle.charts,
        calibration=bundle.calibration,
        training=bundle.training,
        card=bundle.card(),
        golden=read_golden(bundle),
        network_keras=(bundle.path / NETWORK_KERAS).read_bytes(),
        network_onnx=(bundle.path / NETWORK_ONNX).read_bytes(),
        libraries=bundle.libraries,
    )


def library_versions() -> dict[str, str]:
    """Return the versions of what a bundle depends on, `none` where not installed."""
    return {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"


@dataclass(frozen=True, slots=True)
class _Draft:
    """A directory with networks, not yet a bundle: enough for an engine."""

    path: Path


def _write_networks(parts: Parts, draft: Path) -> None:
    (draft / NETWORK_KERAS).write_bytes(parts.network_keras)
    (draft / NETWORK_ONNX).write_bytes(parts.network_onnx)


def _with_losses(parts: Parts, draft: Path) -> Parts:
    """Compute the golden losses on the sequences as they will be read back, in float16."""
    golden = Golden.decode(parts.golden.encode())
    losses = golden.losses(open_engine(_Draft(draft)))
    return replace(parts, golden=replace(golden, loss=losses))


def _files(parts: Parts) -> dict[str, bytes]:
    features = {"settings": asdict(parts.features), "hash": parts.features.hash}
    charts = {"settings": asdict(parts.charts), "calibration": asdict(parts.calibration)}
    return {
        FEATURES: canonical_json(features),
        CHARTS: canonical_json(charts),
        TRAINING: canonical_json(dict(parts.training)),
        GOLDEN: parts.golden.encode(),
        CARD: parts.card.encode(),
        NETWORK_KERAS: parts.network_keras,
        NETWORK_ONNX: parts.network_onnx,
    }


def _write_files(files: dict[str, bytes], parts: Parts, draft: Path) -> None:
    manifest = Manifest(
        format=FORMAT,
        name=parts.name,
        created=parts.created,
        features_hash=parts.features.hash,
        libraries=dict(parts.libraries),
        files={name: sha256(data) for name, data in files.items()},
    )
    manifest = replace(manifest, content=manifest.expected_content())
    for name, data in {**files, MANIFEST: canonical_json(asdict(manifest))}.items():
        (draft / name).write_bytes(data)


def _check_size(draft: Path) -> None:
    size = sum(file.stat().st_size for file in draft.iterdir())
    if size > LARGEST_BYTES:
        raise BundleError(
            f"{draft.name}: {size} bytes, at most {LARGEST_BYTES} allowed: train a smaller network"
        )


def _check_engines(bundle: Bundle) -> None:
    golden = read_golden(bundle)
    losses = golden.losses(open_engine(bundle, "tensorflow"))
    if difference := golden.difference(losses):
        raise BundleError(
            f"{bundle.name}: not published: the engines disagree: with tensorflow {difference}"
        )
