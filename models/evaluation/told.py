"""What subscribers would have been told: the product's own alerts, sensors of a rig together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.alerts import Transition
from models.columns import SCORED
from models.detector import Detector, DetectorSettings, no_limits
from models.evaluation import FIRST_WINDOWS
from models.evaluation.lives import BATCH
from models.judgement import Note
from models.peers import no_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.alerts import AlertEvent
    from models.evaluation.charted import Networks
    from models.evaluation.lives import Life
    from models.judgement import Judgement
    from models.peers import GroupLookup
    from models.policy import LimitsLookup
    from models.state import SensorState
    from pipelines.window import SensorKey


@dataclass(frozen=True, slots=True)
class Told:
    """The alerts on a bearing, each with the window that raised it, and what else was said of it.

    `withheld` counts the live windows from the earliest sensible onset on that were not judged, by
    verdict, `withheld_before` those behind the first ones and before it.
    `suspected` says whether it was commissioned with suspicion.
    """

    life: Life
    alerts: tuple[tuple[int, AlertEvent], ...]
    withheld: dict[str, int]
    withheld_before: dict[str, int]
    suspected: bool

    def kind(self, index: int) -> str:
        """Say whether an alert of window `index` is false or disputed; nothing where it is due."""
        if index >= self.life.label.healthy_until:
            return ""
        return "disputed" if self.life.label.is_disputed(index) else "false"


def alerts_told(
    lives: Sequence[Life],
    networks: Networks,
    limits: LimitsLookup = no_limits,
    group_of: GroupLookup = no_group,
) -> list[Told]:
    """Return what was told of each life, rig by rig, in the order of the lives.

    Sensors have their peers among those of their own rig, which is judged by one network.
    """
    told: dict[SensorKey, Told] = {}
    for asset in dict.fromkeys(life.key.asset for life in lives):
        rig = [life for life in lives if life.key.asset == asset]
        judged = judge_rig(rig, networks, limits, group_of)
        told |= {life.key: _told(life, judged) for life in rig}
    return [told[life.key] for life in lives]


def judge_rig(
    rig: Sequence[Life],
    networks: Networks,
    limits: LimitsLookup = no_limits,
    group_of: GroupLookup = no_group,
) -> list[Judgement]:
    """Judge all sensors of an asset together, in the order of time."""
    network = networks(rig[0], 0)
    settings = DetectorSettings(charts=network.bundle.charts)
    detector = Detector(network.bundle, network.engine, settings, limits, group_of=group_of)
    windows = sorted(
        (one for life in rig for one in life.observations), key=lambda one: one.start_ns
    )
    states: dict[SensorKey, SensorState] = {}
    judged: list[Judgement] = []
    for start in range(0, len(windows), BATCH):
        new, part = detector.judge(states, windows[start : start + BATCH])
        states.update(new)
        judged += part
    return judged


def _told(life: Life, judged: Sequence[Judgement]) -> Told:
    own = [one for one in judged if one.observation.key == life.key]
    until = life.label.healthy_until
    raised = tuple(
        (one.index, event)
        for one in own
        for event in one.events
        if event.transition is Transition.RAISED
    )
    silent = [one for one in own if one.index >= FIRST_WINDOWS and one.verdict not in SCORED]
    from_it_on = Counter(str(one.verdict) for one in silent if one.index >= until)
    before = Counter(str(one.verdict) for one in silent if one.index < until)
    suspected = any(Note.COMMISSIONED_WITH_SUSPICION in one.notes for one in own)
    return Told(
        life, raised, dict(sorted(from_it_on.items())), dict(sorted(before.items())), suspected
    )
