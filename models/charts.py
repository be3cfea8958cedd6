"""Two charts on the loss, one on the high bands, one on the fault lines, for many sensors at once.

What is charted is log10(1 + loss / `loss_unit`): linear where the loss is that of health, where
relative changes mean nothing, and logarithmic where it is not. The loss is in squared robust
standard deviations of the sensor's own bands, so the unit means the same on any sensor.

* The *anchored* chart compares with what the sensor charted in its first monitored windows,
  shrunk towards the fleet's health (conjugate normal mean, Gelman et al., Bayesian Data Analysis,
  3.3: the prior is worth `prior_windows` windows), then frozen. Where those windows last less than
  a day, what it strays over a day widens its limit once, within bounds. Its mean cannot be led
  astray by a slow fault, so the limit is wide.
* The *adaptive* chart is an exponentially weighted mean and variance (West 1979) that stands still
  while anything exceeds. It follows wear-in and is tighter.
* The *high* chart is an adaptive one on how far the high bands, where impacts ring, stand out of
  the spectrum. The loss counts what is above the baseline; a bearing that has worn in far below
  its own must climb back before the loss says anything, and this chart sees it leave the place
  where it has settled. What lifts all bands alike moves it not at all.
* The *line* chart takes the largest standardised rise of a fault line.

All functions work in place on rows of `models.state.HOT`, one window a row. Only elementwise
operations with a fixed order are used, so a row's result does not depend on its company.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.rounding import round_significant
from models.state import PROVISIONAL, QUIETER, SETTLED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.calibration import Calibration
    from models.policy import BudgetPolicy, ChartPolicy

    Rows = np.ndarray[Any, Any]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


STEEPEST: Final = 2.0
"""Another network may double or halve what is charted; more than that is no loss of health."""

SPREAD_FLOOR: Final = 0.01
"""Added to the spreads of a few windows before their ratio is believed."""

CHANCE: Final = 1.1
"""A spread that is larger by no more than this factor is no other one."""

DAY: Final = ("day_s", "day_count", "day_mean", "day_squares", "day_trend")
"""Fields of what is learnt over a day."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What a healthy sensor charts over the fleet: mean and standard deviation."""

    mean: float
    scale: float


@dataclass(frozen=True, slots=True)
class Reading:
    """The charts' values over their limits, and the limit on the loss; one value a row."""

    anchored: Floats
    adaptive: Floats
    line: Floats
    high: Floats
    quieter: Floats
    threshold: Floats


def prior_of(calibration: Calibration, policy: ChartPolicy) -> Prior:
    """Return the fleet's prior from a bundle's calibration."""
    usual = np.array([10.0**calibration.mean])
    return Prior(float(charted(usual, policy)[0]), policy.prior_scale)


def charted(loss: Floats, policy: ChartPolicy) -> Floats:
    """Return what is charted of a loss."""
    value: Floats = np.log10(1.0 + loss / policy.loss_unit)
    return value


def reset(rows: Rows, prior: Prior, correlation: float) -> None:
    """Start the charts anew from the fleet's prior, keeping nothing of the sensor's own loss.

    `correlation` is that of neighbouring windows before a sensor has shown its own.
    """
    rows["correlation_count"] = 0.0
    rows["correlation"] = correlation
    rows["last_deviation"] = 0.0
    rows["mean_deviation"] = 0.0
    rows["anchor_count"] = 0.0
    rows["anchor_mean"] = 0.0
    rows["anchor_squares"] = 0.0
    rows["flags"] &= ~np.uint32(SETTLED)
    for name in DAY:
        rows[name] = 0.0
    rows["adaptive_count"] = 0.0
    rows["adaptive_mean"] = prior.mean
    rows["adaptive_variance"] = prior.scale**2
    rows["high_count"] = 0.0
    rows["high_mean"] = 0.0
    rows["high_variance"] = 0.0


def carry_over(rows: Rows, before: Floats, after: Floats) -> None:
    """Move one row's references from what windows charted `before` to what they chart `after`.

    Both are (windows,), the same windows under the old and the new network. The references follow
    the straight line that takes mean and spread of the one to those of the other.
    """
    slope = (after.std() + SPREAD_FLOOR) / (before.std() + SPREAD_FLOOR)
    slope = min(max(slope, 1.0 / STEEPEST), STEEPEST)
    for chart in ("anchor", "day", "adaptive"):
        mean = rows[f"{chart}_mean"]
        rows[f"{chart}_mean"] = after.mean() + slope * (mean - before.mean())
    rows["anchor_squares"] *= slope**2
    rows["day_squares"] *= slope**2
    rows["day_trend"] *= slope
    rows["adaptive_variance"] *= slope**2


def read(
    rows: Rows,
    louder: Floats,
    quieter: Floats,
    line: Floats,
    high: Floats,
    factor: Floats,
    *,
    policy: ChartPolicy,
    prior: Prior,
) -> Reading:
    """Return where each row's window stands against its limits; changes nothing.

    `louder` and `quieter` are what is charted of the two parts of the loss, `line` is the largest
    line departure in standard deviations, `high` by how many decades the
    high bands stand out more than in the baseline (both NaN where not known), `factor` is on all
    limits (see `models.budget`); all (rows,).
    """
    wide = factor * np.where(rows["flags"] & PROVISIONAL, policy.provisional_widening, 1.0)
    location, scale = _anchor(rows, policy, prior)
    anchored_span = policy.anchored_sigmas * scale * wide
    adaptive_scale = np.maximum(np.sqrt(rows["adaptive_variance"]), policy.scale_floor)
    adaptive_span = policy.adaptive_sigmas * adaptive_scale * wide
    high_above = (high - rows["high_mean"]) / (_high_span(rows, policy) * wide)
    limit = np.minimum(location + anchored_span, rows["adaptive_mean"] + adaptive_span)
    return Reading(
        anchored=(louder - location) / anchored_span,
        adaptive=(louder - rows["adaptive_mean"]) / adaptive_span,
        line=_known(line) / (policy.line_sigmas * wide),
        high=_known(high_above),
        quieter=(quieter - location) / anchored_span,
        threshold=round_significant(policy.loss_unit * (10.0**limit - 1.0)),
    )


def _known(values: Floats) -> Floats:
    """Return 0 for what is NaN; `np.nan_to_num` costs five times as much of a few rows."""
    return np.where(np.isnan(values), 0.0, values)


def _high_span(rows: Rows, policy: ChartPolicy) -> Floats:
    scale = np.maximum(np.sqrt(_high_variance(rows, policy)), policy.high_scale_floor)
    return policy.high_sigmas * scale


def _high_variance(rows: Rows, policy: ChartPolicy) -> Floats:
    """Return the variance of the high bands' level, a prior where nothing has been seen."""
    prior = policy.high_prior_scale**2
    return np.where(rows["high_count"] == 0, prior, rows["high_variance"])


def learn_high(rows: Rows, value: Floats, healthy: Bools, policy: ChartPolicy) -> None:
    """Take the high bands' level of healthy windows into its reference, quieter ones included."""
    chosen = healthy & ~np.isnan(value)
    rows["high_variance"] = _high_variance(rows, policy)
    _follow(rows, "high", _known(value), chosen, policy.adaptive_windows)


def correlate(
    rows: Rows, value: Floats, healthy: Bools, charts: ChartPolicy, budget: BudgetPolicy
) -> None:
    """Follow how alike neighbouring windows are, before `learn` takes them in.

    Deviations are from the adaptive chart's mean, in its standard deviations and clipped to 3. What
    is followed is their lag-1 correlation about their own recent mean: a slow rise, as of damage,
    keeps all deviations at about the same value and would pass for restlessness. It is learnt from
    the first healthy windows, those of a day at least, and then frozen.
    """
    spread = np.maximum(np.sqrt(rows["adaptive_variance"]), charts.scale_floor)
    deviation = np.clip((value - rows["adaptive_mean"]) / spread, -3.0, 3.0)
    young = rows["correlation_count"] < budget.correlation_windows
    learning = healthy & (young | ((rows["flags"] & SETTLED) == 0))
    rows["correlation_count"] += learning
    weight = np.where(learning, 1.0 / (rows["correlation_count"] + budget.correlation_weight), 0.0)
    left = deviation - rows["mean_deviation"]
    rows["correlation"] += weight * (left * rows["last_deviation"] - rows["correlation"])
    recent = np.where(learning, 1.0 / budget.correlation_memory, 0.0)
    rows["mean_deviation"] += np.maximum(weight, recent) * left
    rows["last_deviation"] = np.where(healthy, left, 0.0)


def learn(
    rows: Rows,
    value: Floats,
    healthy: Bools,
    elapsed_s: Floats,
    *,
    policy: ChartPolicy,
    prior: Prior,
) -> Bools:
    """Take healthy windows into the references of the loss; return whose limit was widened.

    `elapsed_s` is the time since the window before, (rows,).
    """
    first = healthy & (rows["anchor_count"] < policy.reference_windows)
    if first.any():
        _learn_anchor(rows, value, first)
    unsettled = healthy & ((rows["flags"] & SETTLED) == 0)
    widened = np.zeros(len(rows), np.bool_)
    if unsettled.any():
        _follow_day(rows, value, unsettled, elapsed_s)
        widened = _settle(rows, unsettled, policy, prior)
    _follow(rows, "adaptive", value, healthy, policy.adaptive_windows)
    return widened


def _follow_day(rows: Rows, value: Floats, chosen: Bools, elapsed_s: Floats) -> None:
    """Follow mean, squares and trend over the number of windows (Welford 1962, two variables)."""
    rows["day_s"] += np.where(chosen, elapsed_s, 0.0)
    rows["day_count"] += chosen
    count = rows["day_count"]
    delta = np.where(chosen, value - rows["day_mean"], 0.0)
    moved = rows["day_mean"] + delta / np.maximum(count, 1.0)
    left = np.where(chosen, value - moved, 0.0)
    rows["day_mean"] = moved
    rows["day_squares"] += delta * left
    rows["day_trend"] += count / 2.0 * left


def _settle(rows: Rows, unsettled: Bools, policy: ChartPolicy, prior: Prior) -> Bools:
    """Widen the anchored limit for what the loss strays over a day; return where that was so.

    What counts is how far it strays from the straight line through all healthy windows of the day:
    a fault that grows is mostly in the line. The mean stays that of the first windows, and the
    spread grows within bounds, since a fault that is heard at times only strays as well. Where the
    first windows are the day's, the line can only make less of them, and nothing is widened.
    """
    count, first = rows["day_count"], policy.reference_windows
    lasted = unsettled & (rows["anchor_count"] >= first)
    lasted &= rows["day_s"] >= policy.reference_span_s
    line = 12.0 * rows["day_trend"] ** 2 / np.maximum(count * (count**2 - 1.0), 1.0)
    strayed = (rows["day_squares"] - line) * (first / np.maximum(count, 1.0))
    fleet, own = policy.prior_windows * prior.scale**2, rows["anchor_squares"]
    wider = np.minimum(strayed, policy.reference_widening**2 * (fleet + own) - fleet)
    widened: Bools = lasted & (fleet + wider > CHANCE**2 * (fleet + own))
    rows["anchor_squares"] = np.where(widened, wider, own)
    rows["flags"] = np.where(lasted, rows["flags"] | np.uint32(SETTLED), rows["flags"])
    return widened


def _anchor(rows: Rows, policy: ChartPolicy, prior: Prior) -> tuple[Floats, Floats]:
    """Return location and scale of the anchored chart: own windows shrunk towards the prior."""
    own, fleet = rows["anchor_count"], policy.prior_windows
    location = (fleet * prior.mean + own * rows["anchor_mean"]) / (fleet + own)
    variance = (fleet * prior.scale**2 + rows["anchor_squares"]) / (fleet + own)
    return location, np.maximum(np.sqrt(variance), policy.scale_floor)


def _learn_anchor(rows: Rows, value: Floats, chosen: Bools) -> None:
    count = rows["anchor_count"] + chosen
    delta = np.where(chosen, value - rows["anchor_mean"], 0.0)
    mean = rows["anchor_mean"] + delta / np.maximum(count, 1.0)
    rows["anchor_squares"] += delta * (rows["anchor_mean"] + delta - mean)
    rows["anchor_mean"] = mean
    rows["anchor_count"] = count


def _follow(rows: Rows, chart: str, value: Floats, chosen: Bools, memory: float) -> None:
    """Move a chart's exponential mean and variance (West 1979)."""
    count, mean, variance = (f"{chart}_{name}" for name in ("count", "mean", "variance"))
    rows[count] += chosen
    weight = np.where(chosen, 1.0 / np.minimum(rows[count] + 10.0, memory), 0.0)
    delta = np.where(chosen, value - rows[mean], 0.0)
    rows[mean] += weight * delta
    rows[variance] = (1.0 - weight) * (rows[variance] + weight * delta**2)


def turn_quieter(rows: Rows, seen: Bools, quieter: Bools, policy: ChartPolicy) -> Bools:
    """Follow how long sensors have been quieter than their baseline; return which just became so.

    The flag falls only when no recent window was quieter, so that one spell makes one note.
    """
    bits = (rows["quiet_bits"] << np.uint64(1)) | quieter.astype(np.uint64)
    rows["quiet_bits"] = np.where(seen, bits, rows["quiet_bits"])
    window = np.uint64((1 << policy.quieter_windows) - 1)
    recent = np.bitwise_count(rows["quiet_bits"] & window)
    was = (rows["flags"] & QUIETER) != 0
    turned: Bools = seen & ~was & (recent == policy.quieter_windows)
    now = (was | turned) & ~(seen & (recent == 0))
    rows["flags"] = np.where(now, rows["flags"] | QUIETER, rows["flags"] & ~np.uint32(QUIETER))
    return turned


def follow_level(rows: Rows, level: Floats, seen: Bools, memory: float) -> Floats:
    """Return how far the level (log10 of RMS over baseline) is above its recent mean; follow it.

    Unlike the adaptive chart this follows the level in any zone: it tells a jump from a plateau.
    """
    first = rows["level_count"] == 0
    usual = np.where(first, level, rows["level_mean"])
    above = level - usual
    rows["level_count"] = np.where(seen, rows["level_count"] + 1, rows["level_count"])
    rows["level_mean"] = np.where(seen, usual + above / memory, rows["level_mean"])
    return above
