"""What is wanted of the detector: every number that judgement depends on, with its reason.

The figures are defaults for a sensor of which nothing is known; `docs/detection.md` says what
they were chosen on. A policy is frozen; how far a sensor has come lives in `models.state`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pipelines.quality import CLIPPED_MOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pipelines.features import Observation
    from pipelines.window import SensorKey


@dataclass(frozen=True, slots=True)
class CommissioningPolicy:
    """When a sensor's baseline is good enough to judge by."""

    windows: int = 100
    span_s: float = 900.0
    """A second cadence would learn 100 near copies; a baseline needs this much time as well."""
    disturbance_limit: float = 1.5
    """Drift over spread within the commissioning windows; real starts measure 0.4-1.0, starts on a
    bearing that is failing 1-4. Over it, learning goes on."""
    deadline_factor: int = 2
    """At so many times `windows` and `span_s` a disturbed sensor gets a provisional baseline."""
    standing_ratio: float = 0.15
    """Windows below this part of the RMS of the louder ones are a machine that stood, and no part
    of a baseline: half standing it would fit neither. A machine that idles lies higher."""
    kurtosis_limit: float = 5.5
    """Pearson; healthy bearings measure 3.0-4.5, impacts of a defect drive it up."""
    line_limit: float = 1.0
    """log10 prominence of a fault line (10 dB); healthy bearings measure up to 0.8."""
    envelope_limit: float = 1.4
    """Prominence of an envelope band, where no geometry names a line; healthy up to 1.15."""


@dataclass(frozen=True, slots=True)
class PeerPolicy:
    """When a baseline stands out of those of its peers; see `models.peers`.

    Held against the others of their rig, axis by axis, the first 100 windows of the six FEMTO
    bearings have four neighbouring bands up to 0.15-0.36 decades over the median, those of the four
    of IMS 0.21-0.32. Lost lubrication adds 0.4 and more.
    """

    fewest: int = 3
    """With fewer peers than that a baseline waits."""
    most: int = 16
    """So many are enough; the first ones by name."""
    wait: float = 0.1
    """Part of the time that a baseline took, for which it waits for those of its peers."""
    patience: int = 16
    """Who waits for peers asks for them about every so-manyth of the time that this has taken."""
    neighbours: int = 4
    """Bands, a good octave: a single one is a tone or a resonance that lies a little elsewhere."""
    least_shape: float = 0.3
    least_level: float = 0.8
    """Decades of power: RMS 2.5 times that of the peers."""
    times: float = 3.0
    """By so many times as much as half of the peers stand out of the others. With 2 one in six
    FEMTO bearings would among three others, with 2.5 and 3 none."""


@dataclass(frozen=True, slots=True)
class ChartPolicy:
    """Limits of the charts, in standard deviations of what is charted (see `models.charts`)."""

    loss_unit: float = 2.0
    """The loss at which all bands are 1.4 robust standard deviations too loud; see `charted`."""
    gain_allowance: float = 0.5
    """A common rise of all bands up to this (decades of power; 78 % of RMS) is load, a restart or a
    rough spell of the process, not damage: a defect lifts some bands more than others."""
    anchored_sigmas: float = 7.0
    adaptive_sigmas: float = 4.0
    high_sigmas: float = 4.0
    line_sigmas: float = 4.0
    reference_windows: int = 200
    """Monitored windows that the anchored reference is learnt from, then its mean is frozen."""
    reference_span_s: float = 24 * 3600.0
    """Where those last less than this, how far the loss strays in so long widens the limit once:
    half an hour does not show how a machine wanders over a day."""
    reference_widening: float = 2.0
    """By this factor at most: no fault that is heard now and then hides behind more."""
    prior_windows: float = 20.0
    """How many windows of its own the fleet's prior is worth: windows are autocorrelated."""
    prior_scale: float = 0.1
    """How far healthy running in drifts over hours, which the first windows cannot show."""
    adaptive_windows: float = 100.0
    """Memory of the adaptive chart."""
    scale_floor: float = 0.037
    """No chart is tighter than this: about the chance spread of a healthy loss."""
    high_prior_scale: float = 0.1
    """Spread of what is charted of the high bands before a sensor has shown its own."""
    high_scale_floor: float = 0.03
    line_scale_floor: float = 0.1
    line_minimum: float = 0.6
    """A line below this log10 prominence (6 dB) is no line, however unusual."""
    provisional_widening: float = 1.25
    """A provisional baseline knows less: its limits lie this much further out."""
    quieter_windows: int = 20
    """So many windows in a row quieter than the anchored limit make a note."""
    release: float = 0.8
    """Hysteresis: a chart is calm again below this part of its limit."""


@dataclass(frozen=True, slots=True)
class ConfirmationPolicy:
    """How often and how long before it is believed.

    Where windows come rarely, rough spells of the process fill several of them, and a bearing's
    lead is hours: `slow_windows` more are asked for from a cadence of `slow_cadence_s` on. What is
    over `far` times a limit, of whichever chart, is confirmed as quickly as where they come often.
    """

    needed: int = 3
    among: int = 4
    minimum_s: float = 6.0
    slow_cadence_s: float = 60.0
    slow_windows: int = 2
    far: float = 1.5
    clear_windows: int = 20
    """Calm windows in a row before a zone is lowered."""


@dataclass(frozen=True, slots=True)
class Tail:
    """How seldom windows of healthy sensors raise an alert by chance; see `models.budget`.

    In decades: at limits of 0 (`level`), fewer for a factor of 1 (`slope`); `stretch` says how much
    wider limits must be for a lag-1 correlation of 1.
    """

    level: float
    slope: float
    stretch: float


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """How many false alerts are wanted at most, and what limits that takes.

    The tails are fitted to a simulated fleet that nothing else learnt from, the family `SETTING`
    (`python -m benchmarks.certification --only tails`).
    """

    false_alerts_per_sensor_year: float = 0.1
    quick: Tail = Tail(level=-2.59, slope=4.12, stretch=2.95)
    """Where windows come more often than once a minute."""
    slow: Tail = Tail(level=-2.87, slope=3.78, stretch=1.58)
    chance_share: float = 0.1
    """Part of the budget that chance may take; the rest is for events, at which limits do little,
    and for what no simulation shows."""
    correlation_most: float = 0.3
    """The fit knows no larger one; a start that drifts shows up to 1."""
    narrowest: float = 0.5
    """Limits narrower than that meet events, however seldom chance does."""
    widest: float = 2.0
    young_widest: float = 1.0
    """Until a sensor has shown its correlation its limits are not widened: it may never come to do
    so, since machines fail early more often than later."""
    correlation_windows: float = 1000.0
    """So many monitored windows, and a day's at least, tell how alike neighbouring windows are."""
    correlation_memory: float = 200.0
    """Their deviations are from the mean of so many windows: twice what the adaptive chart
    remembers, so that what a steady rise adds to all of them is no likeness."""
    correlation_prior: float = 0.1
    """Their correlation before a sensor has shown its own; worth `correlation_weight` windows."""
    correlation_weight: float = 100.0


@dataclass(frozen=True, slots=True)
class SeverityPolicy:
    """What makes a warning an alarm: RMS over the baseline's RMS, on the worst axis.

    Healthy machines run in to 4.6 times their first level over an hour, so a plateau must lie
    higher than that; a jump within `level_memory` windows need not.
    """

    level_ratio: float = 5.2
    jump_level: float = 3.0
    jump_ratio: float = 2.5
    level_memory: float = 60.0
    release_level: float = 2.5
    """An alarm stays an alarm above this."""


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """When a window is not judged."""

    stop_ratio: float = 0.3
    """RMS below this part of the baseline on every axis: the machine stands."""
    speed_change: float = 0.05
    """Relative change of measured speed that counts as run-up or coast-down."""
    hold_windows: int = 10
    hold_level: float = 2.0
    """RMS ratio from which a held window is judged all the same."""
    started_ratio: float = 0.75
    """Behind a stop windows are held until RMS is above this part of the machine's level. Nearer to
    1 those that restart at 0.85 of it, as healthy ones do, are held for all of `started_s`."""
    started_s: float = 180.0
    """No run-up takes longer; at least one window is held. By windows, ten seconds of a start would
    be held where they come every second, and ten hours where they come hourly."""
    standing_windows: int = 200
    """So many windows in a row a tachometer that reads no turn is believed by itself."""
    clipped_most: float = CLIPPED_MOST
    """Share of samples at the rail up to which a window louder than `hold_level` is judged: a
    failing bearing drives a converter there. More is no signal any more, however loud."""
    silence_s: float = 900.0
    """After so long without a window a machine may have stood meanwhile: where that is over
    `GAP_CADENCES`, and over twice the longest of its last pauses. Some send in bursts."""
    odd_windows: int = 5
    """So many windows in a row with other axes, unit, rate or length are a change, not strays."""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a machine that did not run for long may get a new baseline by itself, and which.

    Compared is with the baseline of the commissioning or of the last command, however many came
    by themselves since: so they cannot lead away from it step by step.
    """

    long_stop_s: float = 8 * 3600.0
    """A shift: machines that stand for so long are worked on, or cool down for good."""
    level_ratio: float = 1.3
    """RMS may differ by this factor on every axis, up or down."""


@dataclass(frozen=True, slots=True)
class LinkPolicy:
    """When alerts on one asset are close enough in time that the larger is the primary one."""

    close_windows: float = 5.0


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """All policies of the detector."""

    commissioning: CommissioningPolicy = field(default_factory=CommissioningPolicy)
    peers: PeerPolicy = field(default_factory=PeerPolicy)
    charts: ChartPolicy = field(default_factory=ChartPolicy)
    budget: BudgetPolicy = field(default_factory=BudgetPolicy)
    confirmation: ConfirmationPolicy = field(default_factory=ConfirmationPolicy)
    severity: SeverityPolicy = field(default_factory=SeverityPolicy)
    gates: GatePolicy = field(default_factory=GatePolicy)
    restarts: RestartPolicy = field(default_factory=RestartPolicy)
    links: LinkPolicy = field(default_factory=LinkPolicy)


@dataclass(frozen=True, slots=True)
class Limits:
    """Absolute limits that a machine's owner declared; they hold from the first window.

    `rms_*` are in `unit`, which is never guessed, and apply to windows in that unit only;
    `velocity_*` are in mm/s RMS.
    """

    unit: str = ""
    rms_warning: float | None = None
    rms_alarm: float | None = None
    velocity_warning: float | None = None
    velocity_alarm: float | None = None

    def hold_for(self, unit: str) -> bool:
        """Say whether windows in `unit` can be held against every limit that was declared."""
        return unit == self.unit or (self.rms_warning is None and self.rms_alarm is None)

    def exceeded(self, observation: Observation) -> tuple[bool, bool]:
        """Return whether a window is over the warning's limits, and over the alarm's."""
        pairs = [(observation.velocity_rms, self.velocity_warning, self.velocity_alarm)]
        if observation.unit == self.unit:
            pairs.append((observation.rms, self.rms_warning, self.rms_alarm))
        warning = any(_over(values, limit) for values, limit, _ in pairs)
        return warning, any(_over(values, limit) for values, _, limit in pairs)

    def told(self, observation: Observation) -> tuple[int, str] | None:
        """Return the axis that is over a limit, and in words over which; None where none is."""
        kinds = [("velocity", "mm/s", observation.velocity_rms, self.velocity_warning,
                  self.velocity_alarm)]  # fmt: skip
        if observation.unit == self.unit:
            kinds.append(("RMS", self.unit, observation.rms, self.rms_warning, self.rms_alarm))
        for name, unit, values, warning, alarm in kinds:
            for word, limit in (("alarm", alarm), ("warning", warning)):
                if limit is not None and _over(values, limit):
                    axis = int(np.nanargmax(values))
                    of = f"the declared {word} limit of {limit:g} {unit}"
                    return axis, f"{name} {values[axis]:.3g} {unit} over {of}"
        return None


def _over(values: NDArray[np.float32], limit: float | None) -> bool:
    """Say whether any axis is over the limit; an axis that could not be measured is not."""
    return limit is not None and bool((values > limit).any())


if TYPE_CHECKING:
    LimitsLookup = Callable[[SensorKey], Limits | None]
