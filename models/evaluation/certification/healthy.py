"""Healthy sensors over sensor-years: false alerts, what made them, what the charts read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from models.alerts import Zone
from models.budget import SECONDS_PER_YEAR
from models.evaluation.bounds import poisson_rate
from models.evaluation.certification.fleets import USUAL, Year, healthy_fleet
from models.evaluation.certification.statistic import Statistic, confirmation
from models.judgement import Verdict
from models.loss import LOSS_FLOOR
from models.policy import ConfirmationPolicy
from pipelines.simulator import PROVING, Burst, Regreasing, Remount, Stop, WearIn
from pipelines.simulator.feature_fleet import FeatureFleet
from pipelines.window import SensorKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from models.evaluation.bounds import Interval
    from models.evaluation.certification.panel import Juror, Raised
    from models.judgement import Judgement
    from pipelines.features import FeatureSettings, Observation
    from pipelines.simulator import Event, FleetSpec, MachineSpec
    from pipelines.simulator.family import Family

    Floats = NDArray[np.float64]

GROUP: Final = 64
"""Sensors that are drawn together; the number belongs to what a seed draws."""

TOGETHER: Final = 4
"""Groups that are judged side by side: a round costs little more for more sensors."""

CHARTS: Final = ("anchored", "adaptive")
OTHER: Final = "other"
"""A chart whose values no judgement tells: fault lines, level of the high bands, a limit."""

REFERENCE: Final = 0.1
"""The budget that is looked at closely: the default one."""

EARLY: Final = 200
"""Monitored windows within which the anchored chart still learns."""

RECENT: Final = 12
"""Windows after which a rough spell cannot have made an alert."""


SOON: Final = 500
"""Windows after a change within which it is the likeliest reason."""

CAUSES: Final = {
    Burst: "rough spell",
    Remount: "new mount",
    Stop: "restart",
    Regreasing: "grease",
    WearIn: "wear-in",
}
"""What an event is called in the tables; beside them `learning` and `calm running`."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """How many healthy sensors for how long, and what happens to them."""

    sensors: int
    windows: int
    cadence_s: float
    seed: int = 0
    year: Year = USUAL
    family: Family = PROVING

    @property
    def sensor_years(self) -> float:
        """Time of all sensors together."""
        return self.sensors * self.windows * self.cadence_s / SECONDS_PER_YEAR

    def groups(self) -> Iterator[FleetSpec]:
        """Yield the fleets that make it up."""
        for number, first in enumerate(range(0, self.sensors, GROUP)):
            yield healthy_fleet(
                self.seed * 100_000 + number,
                sensors=min(GROUP, self.sensors - first),
                windows=self.windows,
                cadence_s=self.cadence_s,
                year=self.year,
                family=self.family,
            )


@dataclass(frozen=True, slots=True)
class FalseAlert:
    """A false alert: which chart raised it, and what had happened to the sensor (see `cause`).

    `key` names the asset behind the seed of its group, as `1100001:m03`; `windows` is how long it
    stayed open within the run; `zone` the worst that it came to.
    """

    key: SensorKey
    index: int
    chart: str
    cause: str
    zone: str
    windows: int


@dataclass(frozen=True, slots=True)
class Spell:
    """A rough spell of the exposure, and whether an alert was raised in it or just behind it."""

    windows: int
    level: float
    alerted: bool


@dataclass(slots=True)
class Healthy:
    """What came of an exposure; grows group by group.

    `alerts` and `spells` are those of `REFERENCE`; `counts` and `causes` the number of
    alerts within each budget, in all and by cause; `happened` the number of events by kind.
    """

    exposure: Exposure
    judged: int = 0
    counts: dict[float, int] = field(default_factory=dict)
    causes: dict[float, dict[str, int]] = field(default_factory=dict)
    alerts: list[FalseAlert] = field(default_factory=list)
    spells: list[Spell] = field(default_factory=list)
    happened: dict[str, int] = field(default_factory=dict)
    charts: dict[str, Statistic] = field(
        default_factory=lambda: {name: Statistic() for name in CHARTS}
    )
    verdicts: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    in_alert: int = 0
    log_loss: list[Floats] = field(default_factory=list)
    """Mean, standard deviation and lag-1 correlation of log10 of the loss of each sensor."""

    @property
    def years(self) -> float:
        """Judged time in sensor-years."""
        return self.judged * self.exposure.cadence_s / SECONDS_PER_YEAR

    def rate(self, budget: float = REFERENCE) -> float:
        """Return false alerts per judged sensor-year."""
        return self.counts.get(budget, 0) / max(self.years, 1e-12)

    def bounds(self, budget: float = REFERENCE) -> Interval:
        """Return the exact 95 % bounds of the rate."""
        return poisson_rate(self.counts.get(budget, 0), self.years)

    def tally(self, what: Callable[[FalseAlert], str]) -> dict[str, int]:
        """Count the alerts by `what`, the most frequent first."""
        found: dict[str, int] = {}
        for alert in self.alerts:
            found[what(alert)] = found.get(what(alert), 0) + 1
        return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))


def expose(
    exposure: Exposure,
    jurors: Mapping[float, Juror],
    settings: FeatureSettings,
    progress: Callable[[int], None] = lambda _: None,
) -> Healthy:
    """Let the jurors judge a healthy exposure; one of them must be for `REFERENCE`."""
    result = Healthy(exposure)
    groups = exposure.groups()
    while together := list(islice(groups, TOGETHER)):
        _judge_groups(result, _Sensors(together, settings), jurors, progress)
    return result


class _Sensors:
    """The sensors of several groups by names of their own: groups use the same names."""

    def __init__(self, specs: Sequence[FleetSpec], settings: FeatureSettings) -> None:
        self.machines: dict[SensorKey, MachineSpec] = {}
        self._drawn: dict[SensorKey, tuple[FeatureFleet, SensorKey]] = {}
        for spec in specs:
            fleet = FeatureFleet(spec, settings)
            for key, machine in zip(fleet.keys, spec.machines, strict=True):
                name = SensorKey(f"{spec.seed}:{key.asset}", key.sensor)
                self.machines[name], self._drawn[name] = machine, (fleet, key)
            self.blocks = fleet.blocks

    def block(self, number: int) -> list[Observation]:
        """Return one block of windows of every sensor, one sensor behind the other."""
        return [
            replace(one, key=name)
            for name, (fleet, key) in self._drawn.items()
            for one in fleet.block(key, number)
        ]


@dataclass(slots=True)
class _Seen:
    """What the reference juror said of one sensor, window by window."""

    anchored: list[Floats] = field(default_factory=list)
    adaptive: list[Floats] = field(default_factory=list)
    loss: list[Floats] = field(default_factory=list)
    zone: list[NDArray[np.int8]] = field(default_factory=list)

    def take(self, judged: Sequence[Judgement]) -> None:
        self.anchored.append(np.array([one.anchored for one in judged]))
        self.adaptive.append(np.array([one.adaptive for one in judged]))
        self.loss.append(np.array([one.loss for one in judged]))
        self.zone.append(np.array([_ZONES[one.zone] for one in judged], np.int8))

    def first(self) -> int:
        """Return the first window that was scored."""
        return int(np.flatnonzero(np.isfinite(self.whole("loss")))[0])

    def whole(self, name: str) -> NDArray[np.float64]:
        """Return one of the series over the run."""
        return np.concatenate(getattr(self, name)).astype(np.float64)


_ZONES: Final = {Zone.NORMAL: 0, Zone.WARNING: 1, Zone.ALARM: 2}


def _judge_groups(
    result: Healthy,
    sensors: _Sensors,
    jurors: Mapping[float, Juror],
    progress: Callable[[int], None],
) -> None:
    seen = {key: _Seen() for key in sensors.machines}
    before = {budget: len(juror.raised) for budget, juror in jurors.items()}
    for number in range(sensors.blocks):
        observations = sensors.block(number)
        for budget, juror in jurors.items():
            judged = juror.judge(observations)
            if budget == REFERENCE:
                _take(result, seen, judged)
        progress(len(observations))
    for budget, juror in jurors.items():
        raised = juror.raised[before[budget] :]
        result.counts[budget] = result.counts.get(budget, 0) + len(raised)
        juror.forget()
        _count_causes(result, budget, sensors, seen, raised)
    _close(result, sensors, seen, jurors[REFERENCE].raised[before[REFERENCE] :])


def _count_causes(
    result: Healthy,
    budget: float,
    sensors: _Sensors,
    seen: Mapping[SensorKey, _Seen],
    raised: Sequence[Raised],
) -> None:
    counts = result.causes.setdefault(budget, {})
    for alert in raised:
        events = happened(sensors.machines[alert.key])
        name = cause(events, alert.index, seen[alert.key].first())
        counts[name] = counts.get(name, 0) + 1


def happened(machine: MachineSpec) -> tuple[Event, ...]:
    """Return everything that happens to a machine with one sensor."""
    return (*machine.events, *machine.sensors[0].events)


def _take(result: Healthy, seen: Mapping[SensorKey, _Seen], judged: Sequence[Judgement]) -> None:
    size = len(judged) // len(seen)
    for first in range(0, len(judged), size):
        own = judged[first : first + size]
        seen[own[0].observation.key].take(own)
    for one in judged:
        result.judged += one.verdict is Verdict.SCORED
        result.in_alert += one.zone is not Zone.NORMAL
        if one.verdict is not Verdict.SCORED:
            result.verdicts[one.verdict] = result.verdicts.get(one.verdict, 0) + 1
        for note in one.notes:
            result.notes[note] = result.notes.get(note, 0) + 1


def _close(
    result: Healthy, sensors: _Sensors, seen: Mapping[SensorKey, _Seen], raised: Sequence[Raised]
) -> None:
    """Sum up the sensors of the groups, and explain their alerts."""
    cadence_s = result.exposure.cadence_s
    needed, among = confirmation(ConfirmationPolicy(), cadence_s)
    a_day = max(1, round(86_400 / cadence_s))
    for own in seen.values():
        zone = own.whole("zone")
        # The chart that raised an alert belongs to the statistic, what it reads meanwhile does not.
        calm = np.concatenate([[True], zone[:-1] == 0])
        for name, statistic in result.charts.items():
            values = np.where(calm, own.whole(name), np.nan)
            statistic.add(values, needed=needed, among=among, a_day=a_day)
        result.log_loss.append(_moments(np.log10(own.whole("loss") + LOSS_FLOOR)))
    for alert in raised:
        own, machine = seen[alert.key], sensors.machines[alert.key]
        result.alerts.append(_explained(alert, own, machine, needed, among))
    for key, machine in sensors.machines.items():
        _count_events(result, machine, [alert.index for alert in raised if alert.key == key])


def _count_events(result: Healthy, machine: MachineSpec, alerts: Sequence[int]) -> None:
    for event in happened(machine):
        name = CAUSES[type(event)]
        result.happened[name] = result.happened.get(name, 0) + 1
        if isinstance(event, Burst):
            near = range(event.at, event.at + event.length + RECENT)
            hit = any(index in near for index in alerts)
            result.spells.append(Spell(event.length, event.level, hit))


def _moments(log_loss: Floats) -> Floats:
    known = log_loss[np.isfinite(log_loss)]
    if known.size < 3:
        return np.full(3, np.nan)
    return np.array([known.mean(), known.std(), np.corrcoef(known[:-1], known[1:])[0, 1]])


def _explained(
    alert: Raised, own: _Seen, machine: MachineSpec, needed: int, among: int
) -> FalseAlert:
    zone = own.whole("zone")
    index = alert.index
    after = np.flatnonzero(zone[index:] == 0)
    last = index + int(after[0]) if after.size else zone.size
    over = [
        name
        for name in CHARTS
        if np.sum(own.whole(name)[max(index + 1 - among, 0) : index + 1] > 1.0) >= needed
    ]
    worst = "alarm" if (zone[index:last] == 2).any() else "warning"
    return FalseAlert(
        key=alert.key,
        index=index,
        chart="+".join(over) or OTHER,
        cause=cause(happened(machine), index, own.first()),
        zone=worst,
        windows=last - index,
    )


def cause(events: Sequence[Event], index: int, first: int) -> str:
    """Return what may have made an alert at window `index`, the most telling first.

    A rough spell just now; a new mount, a restart or fresh grease within `SOON`; a chart that is
    still learning its first `EARLY` windows after `first`; grease wearing off; wear-in; a mount
    changed at any time since; nothing.
    """
    recent = _Recent(events, index)
    if recent.since(Burst) <= RECENT + recent.length(Burst):
        return CAUSES[Burst]
    for kind in (Remount, Stop, Regreasing):
        if recent.since(kind) - recent.length(kind) <= SOON:
            return CAUSES[kind]
    if index - first <= EARLY:
        return "learning"
    if recent.since(Regreasing) <= 8 * SOON:
        return CAUSES[Regreasing]
    if any(isinstance(event, WearIn) and index < 3 * event.memory for event in events):
        return CAUSES[WearIn]
    return CAUSES[Remount] if recent.since(Remount) < np.inf else "calm running"


class _Recent:
    """The last event of each kind before a window."""

    def __init__(self, events: Sequence[Event], index: int) -> None:
        self._index = index
        self._last: dict[type, tuple[int, int]] = {}
        for event in events:
            at, length = getattr(event, "at", -1), getattr(event, "length", 0)
            if 0 <= at <= index and at >= self._last.get(type(event), (-1, 0))[0]:
                self._last[type(event)] = at, length

    def since(self, kind: type) -> float:
        """Return how many windows ago it began, inf where it did not."""
        return self._index - self._last[kind][0] if kind in self._last else np.inf

    def length(self, kind: type) -> int:
        """Return how many windows it lasted."""
        return self._last[kind][1] if kind in self._last else 0
