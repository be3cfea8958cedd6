"""A bundle: everything that was learnt, in one immutable, content-hashed directory.

| file | what |
|---|---|
| `manifest.json` | format version, name, date, library versions, SHA-256 of each file and of all |
| `features.json` | feature settings with their own hash |
| `charts.json` | chart settings with the calibration they came from |
| `training.json` | command, seed, data with source and terms, losses |
| `network.keras`, `network.onnx` | the same network twice |
| `golden.npz` | sequences from healthy to failing with the losses they must give |
| `CARD.md` | for people: data, command, results, limits |

Loading verifies all of it and raises `BundleError`, whose one message names the file, what was got,
what was expected and what to do. Writing lives in `models.publishing`.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from models.calibration import Calibration
from models.engines import NETWORK_KERAS, NETWORK_ONNX, EngineError, open_engine
from models.golden import Golden
from models.policy import ChartPolicy
from pipelines.features import FeatureSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    T = TypeVar("T")

FORMAT: Final = 1
"""Version of the layout that this code writes, and the newest it reads."""

SHIPPED: Final = "fleet-1"
"""The bundle that comes with the product."""

MANIFEST: Final = "manifest.json"
FEATURES: Final = "features.json"
CHARTS: Final = "charts.json"
TRAINING: Final = "training.json"
GOLDEN: Final = "golden.npz"
CARD: Final = "CARD.md"
FILES: Final = (FEATURES, CHARTS, TRAINING, NETWORK_KERAS, NETWORK_ONNX, GOLDEN, CARD)
"""What a bundle holds beside its manifest; nothing more, nothing less."""

LARGEST_BYTES: Final = 2 * 2**20

REFETCH: Final = "fetch the bundle again, or use the one shipped (leave the model setting out)"


class BundleError(Exception):
    """A bundle cannot be found, read, verified or written; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `manifest.json` says; `content` is the SHA-256 of all the rest of it."""

    format: int
    name: str
    created: str
    features_hash: str
    libraries: dict[str, str]
    files: dict[str, str]
    content: str = ""

    def expected_content(self) -> str:
        """Return what `content` has to be."""
        return sha256(canonical_json({**asdict(self), "content": ""}))


@dataclass(frozen=True, slots=True)
class Bundle:
    """A loaded and verified bundle.

    `hash` and `features_hash` are 16 hexadecimal digits, the beginning of a SHA-256.
    """

    path: Path
    name: str
    hash: str
    features: FeatureSettings
    features_hash: str
    calibration: Calibration
    charts: ChartPolicy
    created: str
    libraries: Mapping[str, str] = field(repr=False)
    training: Mapping[str, Any] = field(repr=False)

    def card(self) -> str:
        """Return the card, Markdown."""
        return (self.path / CARD).read_text("utf-8")

    def size_bytes(self) -> int:
        """Return the size of all files together."""
        return sum(file.stat().st_size for file in self.path.iterdir())

    def describe(self) -> dict[str, str]:
        """Return what people ask of a bundle, label to text, for a table."""
        prior = self.calibration
        return {
            "name": self.name,
            "hash": self.hash,
            "features": self.features_hash,
            "created": self.created,
            "size": f"{self.size_bytes() / 1024:.0f} KiB",
            "sequence": f"{self.features.frames} frames x {self.features.width} bands, "
            f"{self.features.lowest_hz:g}-{self.features.highest_hz:g} Hz",
            "trained on": str(self.training.get("data_summary", "unknown")),
            "seed": str(self.training.get("seed", "unknown")),
            "healthy log10 loss": f"{prior.mean:.2f} +- {prior.between_sd:.2f} between sensors, "
            f"{prior.within_sd:.2f} within ({prior.sensors} sensors held out)",
            "libraries": ", ".join(f"{name} {what}" for name, what in self.libraries.items()),
            "path": str(self.path),
        }


def load_bundle(which: Path | str | None = None) -> Bundle:
    """Load and verify a bundle: a directory, the name of a shipped one, or None for `SHIPPED`.

    Checks layout, format version, every hash and that the network gives the golden losses here.
    Raises `BundleError`.
    """
    path = _directory(which)
    manifest = _read_manifest(path)
    _check_files(path, manifest)
    bundle = _assemble(path, manifest)
    _check_golden(bundle)
    return bundle


def list_bundles(directory: Path | None = None) -> list[Path]:
    """Return the directories of bundles in `directory` (None = the shipped ones), sorted.

    Of a bundle's own directory that is itself.
    """
    root = directory or _shipped()
    if (root / MANIFEST).is_file():
        return [root]
    return sorted(path.parent for path in root.glob(f"*/{MANIFEST}"))


def canonical_json(value: Any) -> bytes:
    """Return JSON that is the same bytes for equal values."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"


def _directory(which: Path | str | None) -> Path:
    path = _shipped() / SHIPPED if which is None else Path(which)
    if not path.is_dir() and len(path.parts) == 1:
        path = _shipped() / path
    if not (path / MANIFEST).is_file():
        known = ", ".join(bundle.name for bundle in list_bundles()) or "none"
        raise BundleError(
            f"{which or path}: not a bundle: no directory with a {MANIFEST}; "
            f"give the directory of a bundle or the name of a shipped one ({known})"
        )
    return path


def _shipped() -> Path:
    return Path(str(importlib.resources.files("models"))) / "bundles"


def _read_manifest(path: Path) -> Manifest:
    data = _read(path / MANIFEST)
    _check_format(path / MANIFEST, data)
    manifest = _decode(path / MANIFEST, data, Manifest)
    expected = manifest.expected_content()
    if manifest.content != expected:
        raise BundleError(
            f"{path / MANIFEST}: content hash is {manifest.content[:16]!r}, "
            f"its entries give {expected[:16]!r}: it was changed; {REFETCH}"
        )
    return manifest


def _check_format(path: Path, data: bytes) -> None:
    """Look at the version alone first: the rest of a newer manifest may look different."""
    version = _decode(path, data, dict).get("format")
    if not isinstance(version, int) or version < 1:
        raise BundleError(f"{path}: format is {version!r}, expected 1 to {FORMAT}; {REFETCH}")
    if version > FORMAT:
        raise BundleError(
            f"{path}: format is {version}, this version reads up to {FORMAT}: "
            "a newer bearingwatch wrote it; upgrade bearingwatch or use an older bundle"
        )


def _check_files(path: Path, manifest: Manifest) -> None:
    found = {file.name for file in path.iterdir()} - {MANIFEST}
    for name in sorted(found - set(FILES)):
        raise BundleError(f"{path / name}: unknown file, expected only {', '.join(FILES)}: move it")
    for name in FILES:
        _check_file(path / name, manifest.files.get(name))


def _check_file(path: Path, expected: str | None) -> None:
    if expected is None:
        raise BundleError(f"{path.parent / MANIFEST}: has no hash of {path.name}; {REFETCH}")
    got = sha256(_read(path))
    if got != expected:
        raise BundleError(
            f"{path}: SHA-256 is {got[:16]}..., expected {expected[:16]}...: "
            f"the file is damaged or was changed; {REFETCH}"
        )


def _assemble(path: Path, manifest: Manifest) -> Bundle:
    features = _decode(path / FEATURES, _read(path / FEATURES), _Features)
    charts = _decode(path / CHARTS, _read(path / CHARTS), _Charts)
    actual = features.settings.hash
    for stated in (features.hash, manifest.features_hash):
        if stated != actual:
            raise BundleError(
                f"{path / FEATURES}: hash of the settings is {actual}, expected {stated}: "
                "this version computes features differently; use the bearingwatch that wrote it "
                "or train a new bundle"
            )
    return Bundle(
        path=path,
        name=manifest.name,
        hash=manifest.content[:16],
        features=features.settings,
        features_hash=actual,
        calibration=charts.calibration,
        charts=charts.settings,
        created=manifest.created,
        libraries=manifest.libraries,
        training=_decode(path / TRAINING, _read(path / TRAINING), dict),
    )


def _check_golden(bundle: Bundle) -> None:
    golden = read_golden(bundle)
    try:
        losses = golden.losses(open_engine(bundle))
    except EngineError as error:
        raise BundleError(f"{error}; {REFETCH}") from error
    if difference := golden.difference(losses):
        raise BundleError(
            f"{bundle.path / GOLDEN}: {difference}: the network does not compute correctly on this "
            "machine; try another version of onnxruntime"
        )


def read_golden(bundle: Bundle) -> Golden:
    """Return the golden sequences of a bundle; raises `BundleError`."""
    path = bundle.path / GOLDEN
    try:
        return Golden.decode(_read(path))
    except (ValueError, KeyError, OSError) as error:
        raise BundleError(f"{path}: not golden sequences ({error}); {REFETCH}") from error


@dataclass(frozen=True, slots=True)
class _Features:
    """What `features.json` says."""

    settings: FeatureSettings
    hash: str


@dataclass(frozen=True, slots=True)
class _Charts:
    """What `charts.json` says."""

    settings: ChartPolicy
    calibration: Calibration


def _decode(path: Path, data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise BundleError(f"{path}: {error}; {REFETCH}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}); {REFETCH}") from error


def sha256(data: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
