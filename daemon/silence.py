"""Sensors that fell silent, by the clock of the process that owns them.

Not part of judgement, which knows the log only. Time does not pass here while a partition is
behind or the source is paused: what has not been read cannot be missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Set

    from pipelines.window import SensorKey


@dataclass(slots=True)
class _Heard:
    partition: int
    at: float
    """Attentive seconds of the partition when the sensor was last heard."""
    silent: bool = False


class Silence:
    """Who was heard when; bounded by the sensors held."""

    def __init__(self, after_cadences: float, cadence_s: Callable[[SensorKey], float]) -> None:
        self._after_cadences = after_cadences
        self._cadence_s = cadence_s
        self._heard: dict[SensorKey, _Heard] = {}
        self._attentive: dict[int, float] = {}
        self._passed_at: float | None = None

    @property
    def silent(self) -> int:
        """How many sensors are silent."""
        return sum(heard.silent for heard in self._heard.values())

    def hear(self, homes: Mapping[SensorKey, int]) -> list[SensorKey]:
        """Note sensors that sent something; return those that had been silent."""
        back = []
        for key, partition in homes.items():
            heard = self._heard.get(key)
            if heard is not None and heard.silent:
                back.append(key)
            self._heard[key] = _Heard(partition, self._attentive.get(partition, 0.0))
        return back

    def forget(self, partitions: Iterable[int]) -> None:
        """Forget the sensors of partitions that are no longer ours."""
        gone = set(partitions)
        self._heard = {k: heard for k, heard in self._heard.items() if heard.partition not in gone}
        for partition in gone:
            self._attentive.pop(partition, None)

    def forget_sensors(self, sensors: Iterable[SensorKey]) -> None:
        """Forget sensors that a command made unknown: nobody misses them."""
        for key in sensors:
            self._heard.pop(key, None)

    def pass_time(self, now: float, attentive: Set[int]) -> list[tuple[SensorKey, float]]:
        """Let time pass for partitions that are read up to their end.

        Returns the sensors that have just fallen silent, with the seconds they were not heard.
        """
        elapsed = now - self._passed_at if self._passed_at is not None else 0.0
        self._passed_at = now
        for partition in attentive:
            self._attentive[partition] = self._attentive.get(partition, 0.0) + elapsed
        return [*self._newly_silent(attentive)]

    def _newly_silent(self, attentive: Set[int]) -> Iterable[tuple[SensorKey, float]]:
        for key, heard in self._heard.items():
            if heard.silent or heard.partition not in attentive:
                continue
            quiet_s = self._attentive.get(heard.partition, 0.0) - heard.at
            cadence_s = self._cadence_s(key) if quiet_s > 0 else 0.0
            if cadence_s > 0 and quiet_s > self._after_cadences * cadence_s:
                heard.silent = True
                yield key, quiet_s
