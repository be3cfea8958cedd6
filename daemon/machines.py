"""What `assets.toml` says of machines, in the words of features and detector."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from daemon.errors import SettingsError
from models.policy import Limits
from pipelines.assets import Assets, AssetsError, parse

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.fault_orders import BearingGeometry
    from pipelines.window import SensorKey


@dataclass(frozen=True, slots=True)
class KnownMachine:
    """Implements `pipelines.features.Machine`."""

    geometry: BearingGeometry | None
    rated_rpm: float | None


class Machines:
    """Looks sensors up, remembering what was found."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self.machine = lru_cache(maxsize=65_536)(self._machine)
        self.limits = lru_cache(maxsize=65_536)(self._limits)

    def cadence_s(self, key: SensorKey) -> float | None:
        """Return the time between a sensor's windows, where it was declared."""
        return self.assets.lookup(*key).cadence_s

    def _machine(self, key: SensorKey) -> KnownMachine | None:
        info = self.assets.lookup(*key)
        return KnownMachine(info.bearing, info.rated_rpm) if info.rules else None

    def _limits(self, key: SensorKey) -> Limits | None:
        declared = self.assets.lookup(*key).limits
        if declared is None:
            return None
        return Limits(
            unit=declared.unit,
            rms_warning=declared.rms_warning,
            rms_alarm=declared.rms_alarm,
            velocity_warning=declared.velocity_warning,
            velocity_alarm=declared.velocity_alarm,
        )


def load_machines(path: Path | None) -> Machines:
    """Read `assets.toml`; without one nothing is known. Raises `SettingsError`."""
    if path is None:
        return Machines(Assets())
    try:
        return Machines(parse(path.read_text("utf-8")))
    except AssetsError as error:
        raise SettingsError(f"{path}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
