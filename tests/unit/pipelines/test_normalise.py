"""Baselines: bounded, deterministic, robust; and departures measured by them."""

from collections.abc import Iterable
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.features import Observation
from pipelines.normalise import (
    CLIP,
    SCALE_FLOOR,
    SUMMARY_BYTES,
    Baseline,
    BaselineError,
    BaselineSummary,
    Unlike,
    normalise,
)
from pipelines.quality import Quality
from pipelines.window import SensorKey
from tests.unit.pipelines.signals import NAMES, SECOND

FRAMES, BANDS = 8, 32


def build_observation(
    log_bands: NDArray[np.floating], index: int = 0, lines: float | None = None
) -> Observation:
    """Observation with bands (axes, frames, bands) and scalars that follow the first band."""
    axes = len(log_bands)
    level = np.asarray(10.0 ** (log_bands[:, :, 0].mean(axis=1) / 2), np.float32)
    return Observation(
        key=SensorKey("pump", "bearing"),
        start_ns=index * SECOND,
        axes=NAMES[:axes],
        duration_s=1.0,
        sample_rate_hz=20_480.0,
        unit="g",
        log_bands=log_bands.astype(np.float32),
        rms=level,
        peak=4 * level,
        crest=np.full(axes, 4.0, np.float32),
        kurtosis=np.full(axes, 3.0, np.float32),
        velocity_rms=level,
        quality=Quality(),
        fault_lines=None if lines is None else np.full((axes, 4), lines, np.float32),
    )


def healthy(
    count: int, axes: int = 1, seed: int = 0, *, within: float = 0.2, between: float = 0.1
) -> list[Observation]:
    """Windows around -3 decades that vary from window to window and from frame to frame."""
    rng = np.random.default_rng(seed)
    window = rng.normal(scale=between, size=(count, axes, 1, BANDS))
    frame = rng.normal(scale=within, size=(count, axes, FRAMES, BANDS))
    return [build_observation(bands, i) for i, bands in enumerate(window + frame - 3.0)]


def summarise(observations: Iterable[Observation]) -> BaselineSummary:
    return reduce(BaselineSummary.add, observations, BaselineSummary.empty())


def test_a_baseline_finds_location_and_scale() -> None:
    baseline = summarise(healthy(90)).baseline()
    assert baseline.location == pytest.approx(-3.0, abs=0.06)
    assert np.median(baseline.scale) == pytest.approx(np.hypot(0.2, 0.1), rel=0.1)
    assert baseline.rms.item() == pytest.approx(10**-1.5, rel=0.05)
    assert baseline.kurtosis.item() == pytest.approx(3.0, rel=0.02)
    assert (baseline.count, baseline.first_ns, baseline.last_ns) == (90, 0, 89 * SECOND)


def test_a_fifth_of_wild_windows_moves_a_baseline_little() -> None:
    calm = healthy(80)
    wild = [build_observation(o.log_bands + 3.0, i) for i, o in enumerate(calm)]
    mixed = [wild[i] if i % 5 == 2 else calm[i] for i in range(80)]
    assert summarise(mixed).baseline().location == pytest.approx(-3.0, abs=0.12)


def test_a_first_window_that_is_silent_does_not_spoil_the_baseline() -> None:
    silent = build_observation(np.full((1, FRAMES, BANDS), -7.0))
    assert summarise([silent, *healthy(60)]).baseline().location == pytest.approx(-3.0, abs=0.12)


def test_the_scale_has_a_floor() -> None:
    constant = [build_observation(np.full((1, FRAMES, BANDS), -3.0), i) for i in range(20)]
    assert summarise(constant).baseline().scale == pytest.approx(SCALE_FLOOR)
    assert summarise(constant).baseline(0.2).scale == pytest.approx(0.2)


@given(axes=st.integers(1, 3), count=st.integers(1, 260), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_summary_stays_within_its_bounds(axes: int, count: int, seed: int) -> None:
    summary = BaselineSummary.empty()
    for observation in healthy(count, axes, seed):
        summary = summary.add(observation)
        assert len(summary.encode()) <= SUMMARY_BYTES
    assert summary.count == count
    assert summary.span_ns == (count - 1) * SECOND


def test_a_summary_of_ten_thousand_windows_is_no_larger() -> None:
    some = healthy(100, axes=3)
    summary = summarise(some[i % 100] for i in range(10_000))
    assert len(summary.encode()) <= SUMMARY_BYTES
    assert summary.baseline().location == pytest.approx(-3.0, abs=0.15)


@given(stop=st.integers(0, 150), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_saving_and_loading_changes_nothing_that_follows(stop: int, seed: int) -> None:
    observations = healthy(150, 2, seed)
    straight = summarise(observations)
    saved = BaselineSummary.decode(summarise(observations[:stop]).encode())
    resumed = reduce(BaselineSummary.add, observations[stop:], saved)
    assert resumed.encode() == straight.encode()
    assert resumed.baseline().encode() == straight.baseline().encode()
    assert resumed.disturbance() == straight.disturbance()


def test_a_summary_is_a_value() -> None:
    first, second = healthy(2)
    summary = summarise([first])
    before = summary.encode()
    summary.add(second)
    assert summary.encode() == before


def test_a_baseline_survives_its_bytes() -> None:
    baseline = summarise(healthy(30, 3)).baseline()
    again = Baseline.decode(baseline.encode())
    assert again.encode() == baseline.encode()
    assert again.id == baseline.id
    assert len(again.id) == 12


def test_other_content_has_another_id() -> None:
    ids = {summarise(healthy(30, seed=seed)).baseline().id for seed in range(5)}
    assert len(ids) == 5


@pytest.mark.parametrize("data", [b"", b"\x02abc", b"\x01", b"\x01\x93\x01"])
@pytest.mark.parametrize("kind", [Baseline, BaselineSummary])
def test_bytes_that_are_none_of_ours_are_refused(
    data: bytes, kind: type[Baseline] | type[BaselineSummary]
) -> None:
    with pytest.raises(BaselineError):
        kind.decode(data)


def test_an_observation_of_other_axes_is_refused() -> None:
    summary = summarise(healthy(3, axes=2))
    with pytest.raises(Unlike, match="pump/bearing"):
        summary.add(healthy(1, axes=1)[0])


def test_a_baseline_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one window"):
        BaselineSummary.empty().baseline()


def test_lines_are_known_where_the_speed_was() -> None:
    bands = np.full((1, FRAMES, BANDS), -3.0)
    lines = [None, *[0.1, 0.2, None, 0.3, 0.2] * 2]
    baseline = summarise(build_observation(bands, i, v) for i, v in enumerate(lines)).baseline()
    assert baseline.line_location is not None
    assert baseline.line_location == pytest.approx(0.2, abs=0.01)
    assert summarise(healthy(5)).baseline().line_location is None
    assert summarise(healthy(5)).baseline().line_scale is None


def test_bands_never_seen_stay_unknown() -> None:
    observations = healthy(10)
    for observation in observations:
        observation.log_bands[..., 5] = np.nan
    baseline = summarise(observations).baseline()
    assert np.isnan(baseline.location[0, 5])
    departures, mask = normalise(observations[0].log_bands[None], baseline.location, baseline.scale)
    assert not mask[0, 0, 5]
    assert mask.sum() == BANDS - 1
    assert (departures[..., 5] == 0).all()


@pytest.mark.parametrize(
    ("drift", "low", "high"), [(0.0, 0.0, 0.2), (0.3, 0.4, 0.8), (1.0, 1.1, 1.7)]
)
def test_disturbance_is_drift_in_robust_standard_deviations(
    drift: float, low: float, high: float
) -> None:
    # From the middle of the first third to that of the last lie two thirds of the drift; the
    # scale, 0.3 between frames, is widened by the drift itself.
    calm = healthy(90, within=0.3, between=0.02)
    drifting = [build_observation(o.log_bands + drift * i / 90, i) for i, o in enumerate(calm)]
    assert low <= summarise(drifting).disturbance() <= high


def test_disturbance_needs_some_windows() -> None:
    assert summarise(healthy(4)).disturbance() == 0.0


def test_departures_are_in_standard_deviations_and_clipped() -> None:
    baseline = summarise(healthy(60)).baseline()
    centre = np.broadcast_to(baseline.location[:, None, :], (1, FRAMES, BANDS))
    shifts = np.array([0.0, 2.0, -3.0, 100.0, -100.0])
    log_bands = np.stack([centre + s * baseline.scale[:, None, :] for s in shifts])
    departures, mask = normalise(log_bands.astype(np.float32), baseline.location, baseline.scale)
    expected = np.clip(shifts, -CLIP, CLIP)
    assert departures == pytest.approx(
        np.broadcast_to(expected[:, None, None, None], departures.shape), abs=1e-3
    )
    assert departures.dtype == np.float32
    assert mask.all()


def test_many_sensors_at_once_are_as_each_by_itself() -> None:
    baselines = [summarise(healthy(20, 2, seed)).baseline() for seed in range(6)]
    log_bands = np.stack([o.log_bands for o in healthy(6, 2, 99)])
    locations = np.stack([baseline.location for baseline in baselines])
    scales = np.stack([baseline.scale for baseline in baselines])
    together, _ = normalise(log_bands, locations, scales)
    for i, baseline in enumerate(baselines):
        alone, _ = normalise(log_bands[i : i + 1], baseline.location, baseline.scale)
        assert np.array_equal(alone[0], together[i])
