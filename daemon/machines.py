"""What `assets.toml` says of machines, in the words of features and detector."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from daemon.errors import SettingsError
from models.policy import Limits, PeerPolicy
from pipelines.assets import Assets, AssetsError, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipelines.fault_orders import BearingGeometry
    from pipelines.window import SensorKey

SENSORS_REMEMBERED: Final = 2**18
"""More than any process has: with more the groups of all would be looked up again each time."""

SENSORS_SHOWN: Final = 20
"""Sensors that one remark names; the rest are counted."""


@dataclass(frozen=True, slots=True)
class KnownMachine:
    """Implements `pipelines.features.Machine`."""

    geometry: BearingGeometry | None
    rated_rpm: float | None


class Machines:
    """Looks sensors up, remembering what was found."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self.machine = lru_cache(maxsize=SENSORS_REMEMBERED)(self._machine)
        self.limits = lru_cache(maxsize=SENSORS_REMEMBERED)(self._limits)
        self.group_of = lru_cache(maxsize=SENSORS_REMEMBERED)(self._group_of)

    def cadence_s(self, key: SensorKey) -> float | None:
        """Return the time between a sensor's windows, where it was declared."""
        return self.assets.lookup(*key).cadence_s

    def remarks(self, units: Mapping[SensorKey, str]) -> Iterator[str]:
        """Yield what the rules do not do for these sensors, whose windows are in `units`."""
        if not len(self.assets):
            return
        if unmatched := self.assets.unmatched(units):
            yield f"no rule matches {_listed(unmatched)}"
        yield from self.idle(units)

    def idle(self, units: Mapping[SensorKey, str]) -> Iterator[str]:
        """Yield which rules match none of these sensors, and what of them cannot hold."""
        for number, match in self.assets.idle(units):
            yield f"rule {number} ({match}) matched no sensor"
        others: dict[tuple[str, str], list[SensorKey]] = {}
        for key, unit in units.items():
            limits = self.limits(key)
            if limits is not None and not limits.hold_for(unit):
                others.setdefault((limits.unit, unit), []).append(key)
        yield from self._lonely(units)
        for (declared, unit), keys in others.items():
            yield (
                f"rms limits in {declared} protect nothing where windows are in {unit}; give them"
                f" in {unit}, with limits.unit = '{unit}': {_listed(keys)}"
            )

    def _lonely(self, sensors: Iterable[SensorKey]) -> Iterator[str]:
        """Yield which groups have too few sensors to compare any."""
        needed = PeerPolicy().fewest + 1
        named = Counter(filter(None, map(self.group_of, sensors)))
        for name, count in sorted(named.items()):
            if count < needed:
                yield (
                    f"peer_group {name!r} has {count} of the {needed} sensors that a comparison"
                    " takes; none of them is compared"
                )

    def _group_of(self, key: SensorKey) -> str | None:
        return self.assets.lookup(*key).peer_group

    def _machine(self, key: SensorKey) -> KnownMachine | None:
        info = self.assets.lookup(*key)
        return KnownMachine(info.bearing, info.rated_rpm) if info.rules else None

    def _limits(self, key: SensorKey) -> Limits | None:
        declared = self.assets.lookup(*key).limits
        if declared is None:
            return None
        return Limits(
            unit=declared.unit or "",
            rms_warning=declared.rms_warning,
            rms_alarm=declared.rms_alarm,
            velocity_warning=declared.velocity_warning,
            velocity_alarm=declared.velocity_alarm,
        )


def _listed(keys: Sequence[SensorKey]) -> str:
    shown = ", ".join(map(str, keys[:SENSORS_SHOWN]))
    more = len(keys) - SENSORS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def load_machines(path: Path | None) -> Machines:
    """Read `assets.toml`; without one nothing is known. Raises `SettingsError`."""
    if path is None:
        return Machines(Assets())
    try:
        return Machines(parse(path.read_text("utf-8-sig")))
    except AssetsError as error:
        lines = str(error).splitlines()
        raise SettingsError("\n".join(f"{path}: {line}" for line in lines)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
