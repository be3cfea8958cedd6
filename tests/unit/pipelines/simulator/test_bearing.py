"""Impact trains and the noise of a wide spall."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.simulator import FaultKind
from pipelines.simulator.bearing import (
    LOCALISED,
    Strike,
    excitation,
    impact_order,
    impact_times,
    impacts,
    load_zone,
    spall_noise,
)
from tests.unit.pipelines.simulator.builders import (
    GRID,
    ORDERS,
    SHAFT_HZ,
    kurtosis,
    line,
    mean_envelope_spectrum,
    rms,
    vibration,
)


def test_envelope_spectrum_of_an_outer_race_fault_peaks_at_bpfo_within_slip() -> None:
    spectrum = mean_envelope_spectrum(FaultKind.OUTER_RACE)
    bpfo_hz = ORDERS.bpfo * SHAFT_HZ
    assert int(np.argmax(spectrum[:200])) == pytest.approx(bpfo_hz, rel=0.02)
    assert line(spectrum, bpfo_hz) > 3
    assert line(spectrum, 2 * bpfo_hz) > 3


@pytest.mark.parametrize("side", [-1, 1])
def test_inner_race_fault_has_sidebands_at_shaft_speed(side: int) -> None:
    spectrum = mean_envelope_spectrum(FaultKind.INNER_RACE)
    bpfi_hz = ORDERS.bpfi * SHAFT_HZ
    assert line(spectrum, bpfi_hz) > 3
    assert line(spectrum, bpfi_hz + side * SHAFT_HZ) > 2.5


def test_outer_race_fault_has_no_sidebands_at_shaft_speed() -> None:
    spectrum = mean_envelope_spectrum(FaultKind.OUTER_RACE)
    assert line(spectrum, ORDERS.bpfo * SHAFT_HZ + SHAFT_HZ) < 2.5


@pytest.mark.parametrize("side", [-1, 1])
def test_ball_fault_shows_twice_the_spin_with_cage_sidebands(side: int) -> None:
    spectrum = mean_envelope_spectrum(FaultKind.BALL)
    strikes_hz, cage_hz = 2 * ORDERS.bsf * SHAFT_HZ, ORDERS.ftf * SHAFT_HZ
    assert line(spectrum, strikes_hz) > 3
    assert line(spectrum, strikes_hz + side * cage_hz) > 2


def test_cage_fault_strikes_once_a_turn_of_the_cage() -> None:
    spectrum = mean_envelope_spectrum(FaultKind.CAGE)
    cage_hz = ORDERS.ftf * SHAFT_HZ
    assert int(np.argmax(spectrum[5:19])) + 5 == pytest.approx(cage_hz, abs=1.0)


def test_impacts_are_a_random_walk_not_a_period() -> None:
    rng = np.random.default_rng(0)
    trains = [impact_times(100.0, 10.0, 0.01, rng)[:900] for _ in range(200)]
    ages = np.array([train - train[0] for train in trains])
    early, late = ages[:, 100].std(), ages[:, 800].std()
    # A jitter about a fixed period would stay as wide as it is; a walk widens as sqrt(n).
    assert late / early == pytest.approx(np.sqrt(8), rel=0.25)
    assert early == pytest.approx(0.01 * 0.01 * 10, rel=0.25)


@settings(deadline=None)
@given(rate_hz=st.floats(0.5, 2_000.0), jitter=st.floats(0.0, 0.05), seed=st.integers(0, 99))
def test_impacts_lie_within_the_window_in_order(rate_hz: float, jitter: float, seed: int) -> None:
    times = impact_times(rate_hz, 1.0, jitter, np.random.default_rng(seed))
    assert np.all(np.diff(times) >= 0)
    assert np.all((times >= 0) & (times < 1))
    assert times.size == pytest.approx(rate_hz, rel=0.1, abs=3)


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 0.9999), min_size=1, max_size=20))
def test_an_impulse_keeps_its_strength_wherever_it_falls(shares: list[float]) -> None:
    times = np.array(shares)
    train = impacts(times, np.ones(times.size), GRID)
    assert train.sum() == pytest.approx(times.size, rel=1e-5)


def test_load_zone_is_full_at_its_centre_and_empty_opposite() -> None:
    assert load_zone(np.array([0.0, np.pi / 2, np.pi])) == pytest.approx([1.0, 0.0, 0.0])


@pytest.mark.parametrize("kind", LOCALISED)
@pytest.mark.parametrize("spread", [0.0, 0.5, 0.9])
def test_vibration_has_the_level_that_was_asked_for(kind: FaultKind, spread: float) -> None:
    levels = [rms(vibration(kind, spread=spread, seed=seed)) for seed in range(8)]
    assert np.mean(levels) == pytest.approx(1.0, rel=0.15)


def test_a_widened_spall_has_less_kurtosis_and_still_repeats_at_bpfo() -> None:
    local = vibration(FaultKind.OUTER_RACE)
    wide = vibration(FaultKind.OUTER_RACE, spread=0.9)
    assert kurtosis(local) > 6
    assert 2.8 < kurtosis(wide) < 5
    spectrum = mean_envelope_spectrum(FaultKind.OUTER_RACE, spread=0.9)
    assert line(spectrum, ORDERS.bpfo * SHAFT_HZ) > 3


def test_spall_noise_has_rms_one() -> None:
    assert rms(spall_noise(90.0, GRID, np.random.default_rng(1))) == pytest.approx(1.0, rel=0.03)


def test_slip_lowers_the_rate_of_impacts() -> None:
    strike = Strike(FaultKind.OUTER_RACE, 1.0, jitter=0.0, slip=0.1)
    force = excitation(strike, 100.0, ORDERS, GRID, np.random.default_rng(2))
    struck = np.count_nonzero(np.diff(np.flatnonzero(force), prepend=-9) > 1)
    assert struck == pytest.approx(0.9 * 100.0 * ORDERS.bpfo, abs=2)


def test_impact_orders_follow_the_geometry() -> None:
    orders = [impact_order(kind, ORDERS) for kind in LOCALISED]
    assert orders == [ORDERS.bpfo, ORDERS.bpfi, 2 * ORDERS.bsf, ORDERS.ftf]
