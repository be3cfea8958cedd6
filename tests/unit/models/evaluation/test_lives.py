from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.evaluation import EvaluationError
from models.evaluation.labels import Label, Labels
from models.evaluation.lives import read_lives, simple
from pipelines.features import FeatureSettings, unknown
from pipelines.recordings import Recording
from pipelines.window import SensorKey, Window

KEYS = (SensorKey("rig", "a"), SensorKey("rig", "b"))
RATE = 20_480.0
SETTINGS = FeatureSettings()


def window(key: SensorKey, index: int, samples: np.ndarray) -> Window:
    return Window(*key, ("x",), index * 10**10, RATE, "g", samples[None].astype(np.float32))


def recording(windows: int) -> Recording:
    def read() -> Iterator[Window]:
        for index in range(windows):
            for size, key in enumerate(KEYS, start=1):
                yield window(key, index, size * np.tile([1.0, -1.0], 512))

    return Recording(Path("nowhere"), KEYS, None, read)


def labels(last_live: int) -> Labels:
    return Labels((Label(sensor="rig/b", fails=False, last_live=last_live),))


def test_only_sensors_with_a_label_are_judged_and_only_while_alive() -> None:
    (one,) = read_lives([recording(130)], labels(120), SETTINGS, unknown)
    assert one.key == KEYS[1]
    assert len(one) == 121
    assert one.mean_absolute.shape == (121, 1)


def test_the_whole_rig_is_seen_by_what_asks_for_it() -> None:
    (one,) = read_lives([recording(130)], labels(120), SETTINGS, unknown)
    np.testing.assert_allclose(one.rig_mean_absolute[0], [1.0, 2.0])


def test_a_part_keeps_its_place_in_the_recording() -> None:
    (one,) = read_lives([recording(130)], labels(120), SETTINGS, unknown)
    assert one.part(100).part(5).start == 105
    assert len(one.part(100)) == 21


def test_healthy_time_is_that_of_what_was_judged_behind_the_first_windows() -> None:
    (one,) = read_lives([recording(130)], labels(120), SETTINGS, unknown)
    judged = np.ones(len(one), np.bool_)
    assert one.healthy_years(judged) * 365.25 * 86_400 == pytest.approx(21 * 10)
    judged[:110] = False
    assert one.healthy_years(judged) * 365.25 * 86_400 == pytest.approx(11 * 10)


def test_a_pause_of_the_rig_is_an_exposure_of_two_windows_at_most() -> None:
    (one,) = read_lives([recording(130)], labels(120), SETTINGS, unknown)
    pause_ns = 3600 * 10**9
    seen = tuple(
        replace(each, start_ns=each.start_ns + pause_ns * (k >= 110))
        for k, each in enumerate(one.observations)
    )
    years = replace(one, observations=seen).healthy_years(np.ones(len(one), np.bool_))
    assert years * 365.25 * 86_400 == pytest.approx((20 + 2) * 10)


def test_a_recording_that_ends_before_its_label_is_refused() -> None:
    with pytest.raises(EvaluationError, match="rig/b: 110 windows, last live is 120"):
        read_lives([recording(110)], labels(120), SETTINGS, unknown)


def test_the_window_behind_the_first_ones_is_enough_to_judge() -> None:
    (one,) = read_lives([recording(101)], labels(100), SETTINGS, unknown)
    assert len(one.part(100)) == 1


def test_recordings_without_any_label_are_refused() -> None:
    with pytest.raises(EvaluationError, match="no sensor of these recordings has a label"):
        read_lives([recording(110)], Labels(()), SETTINGS, unknown)


def test_the_envelope_of_a_modulated_tone_is_its_modulation() -> None:
    time = np.arange(20_480) / RATE
    tone = (1 + 0.5 * np.cos(2 * np.pi * 100 * time)) * np.cos(2 * np.pi * 5000 * time)
    found = simple(window(KEYS[0], 0, tone), SETTINGS)
    assert found.envelope_rms[0] == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
