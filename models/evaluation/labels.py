"""What is known of recordings afterwards: a small TOML file, described in docs/evaluation.md."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from models.evaluation import FIRST_WINDOWS, EvaluationError
from pipelines import mismatches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipelines.window import SensorKey

SHIPPED: Final = "run_to_failure.toml"
"""Labels of the FEMTO learning set and of IMS test 2, beside this module."""


class Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happened to one sensor's bearing; all numbers are windows of the recording, from 0."""

    sensor: str
    """`asset/sensor`, or an asset with a single sensor."""
    fails: bool
    last_live: int
    """Last window before failure or stop; nothing after it is judged."""
    earliest: int | None = None
    """First window in which an alert is no false one; None where there is none."""
    latest: int | None = None
    """By then the onset is plain."""
    disputed: tuple[tuple[int, int], ...] = ()
    """Ranges, ends included, of which people disagree whether the bearing is healthy."""
    learn_until: int = 0
    """So many windows a network may learn from as healthy when it judges *other* bearings."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense, naming the sensor."""
        if self.fails and (self.earliest is None or self.latest is None):
            raise ValueError(f"{self.sensor}: a bearing that fails needs earliest and latest")
        if self.earliest is not None and not 0 <= self.earliest <= self.last_live:
            raise ValueError(
                f"{self.sensor}: earliest is {self.earliest}, expected 0 to {self.last_live}"
            )
        if self.latest is not None and self.latest < (self.earliest or 0):
            raise ValueError(f"{self.sensor}: latest {self.latest} lies before earliest")
        if self.latest is not None and self.latest > self.last_live:
            raise ValueError(
                f"{self.sensor}: latest is {self.latest}, expected at most last_live, "
                f"{self.last_live}"
            )
        if self.learn_until and not FIRST_WINDOWS <= self.learn_until <= self.healthy_until:
            raise ValueError(
                f"{self.sensor}: learn_until is {self.learn_until}, expected 0 or {FIRST_WINDOWS} "
                f"to {self.healthy_until}, the windows that are healthy"
            )
        for first, last in self.disputed:
            if not 0 <= first <= last < self.healthy_until:
                raise ValueError(
                    f"{self.sensor}: disputed has [{first}, {last}], expected a first window and "
                    f"then a last one, within 0 and {self.healthy_until - 1}"
                )
            if first < self.learn_until:
                raise ValueError(
                    f"{self.sensor}: learn_until is {self.learn_until}, expected at most {first}, "
                    "from where on it is disputed whether the bearing is healthy"
                )

    @property
    def healthy_until(self) -> int:
        """First window that is not healthy, disputed ones aside."""
        return self.last_live + 1 if self.earliest is None else self.earliest

    def is_disputed(self, index: int) -> bool:
        """Say whether a window lies in a disputed range."""
        return any(first <= index <= last for first, last in self.disputed)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bearing: tuple[Label, ...]


class Labels:
    """Looks labels up by sensor."""

    def __init__(self, labels: tuple[Label, ...]) -> None:
        self._labels: Mapping[str, Label] = {label.sensor: label for label in labels}
        if len(self._labels) < len(labels):
            names = [label.sensor for label in labels]
            twice = next(name for name in names if names.count(name) > 1)
            raise EvaluationError(f"{twice} has two labels; leave one of them out")

    def of(self, key: SensorKey) -> Label | None:
        """Return the label of a sensor: by its full name, else by its asset's."""
        return self._labels.get(str(key)) or self._labels.get(key.asset)

    def unmatched(self, keys: Iterable[SensorKey]) -> list[str]:
        """Return the labels that belong to none of these sensors."""
        met = {name for key in keys for name in (str(key), key.asset)}
        return [name for name in self._labels if name not in met]

    def names(self) -> tuple[str, ...]:
        """Return the sensors that have a label."""
        return tuple(self._labels)


def shipped_labels() -> Path:
    """Return the file with the labels that come with the product."""
    return Path(str(importlib.resources.files("models.evaluation"))) / SHIPPED


def read_labels(path: Path) -> Labels:
    """Read labels; raises `EvaluationError`."""
    try:
        told = path.read_bytes()
        return Labels(msgspec.toml.decode(told, type=_File).bearing)
    except EvaluationError as error:
        raise EvaluationError(f"{path}: {error}") from error
    except msgspec.ValidationError as error:
        raise EvaluationError(f"{path}: {_problem(told, str(error))}; {EXPECTED}") from error
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise EvaluationError(f"{path}: {error}; {EXPECTED}") from error


EXPECTED: Final = (
    "expected TOML (UTF-8) with a table [[bearing]] per sensor: sensor, fails, last_live, where it "
    "fails earliest and latest, and optionally disputed (pairs of windows) and learn_until"
)


def _problem(told: bytes, message: str) -> str:
    """Say in our words what is wrong, and of which sensor."""
    place = mismatches.place_of(message)
    data = msgspec.toml.decode(told)
    got = mismatches.value_at(data, place)
    whose = mismatches.value_at(data, f"{place.partition('.')[0]}.sensor")
    return f"{whose}: " * bool(whose) + mismatches.told(message, got=got)
