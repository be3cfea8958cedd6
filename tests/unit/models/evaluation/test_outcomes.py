import numpy as np
import pytest

from models.evaluation.outcomes import Episode, episodes, judge_outcome
from tests.unit.models.evaluation.lives import EARLIEST, LAST_LIVE, label, life, outcome, track


def test_alerts_that_few_windows_lie_between_are_one_episode() -> None:
    alert = np.zeros(60, bool)
    alert[[3, 4, 13, 30]] = True
    assert episodes(alert) == [Episode(3, 13), Episode(30, 30)]


def test_ends_ten_windows_apart_are_one_episode_and_eleven_apart_are_two() -> None:
    alert = np.zeros(60, bool)
    alert[[3, 13, 24]] = True
    assert episodes(alert) == [Episode(3, 13), Episode(24, 24)]


def test_an_alert_that_begins_with_the_onset_is_the_detection() -> None:
    one = outcome((EARLIEST, LAST_LIVE, 1))
    assert (one.detected, one.delay, one.already_on, one.false) == (EARLIEST, 0, False, ())


@pytest.mark.parametrize(("last", "already_on"), [(EARLIEST - 1, False), (EARLIEST, True)])
def test_an_alert_is_on_already_where_its_last_window_is_the_onset(
    last: int, *, already_on: bool
) -> None:
    one = outcome((150, last, 1))
    assert (one.already_on, one.detected) == (already_on, None)


def test_the_first_alert_from_the_onset_on_is_the_detection() -> None:
    one = outcome((210, LAST_LIVE, 1))
    assert (one.detected, one.delay, one.found, one.clean, one.in_time) == (
        210,
        10,
        True,
        True,
        True,
    )
    assert one.lead_hours == pytest.approx((LAST_LIVE - 210) * 10 / 3600)


@pytest.mark.parametrize(
    ("silent", "unjudged", "hours", "clean"),
    [(slice(0, 0), 0, 100, True), (slice(0, 40), 40, 60, True), (slice(0, 160), 100, 0, False)],
)
def test_windows_in_which_nothing_was_compared_are_no_exposure(
    silent: slice, unjudged: int, hours: float, clean: bool
) -> None:
    made = life()
    said = track(len(made))
    said.value[silent] = np.nan
    one = judge_outcome(made, said)
    assert (one.unjudged, one.clean) == (unjudged, clean)
    assert one.healthy_years * 365.25 * 86_400 == pytest.approx(hours * 10)


def test_a_window_of_an_alert_is_exposure_though_nothing_was_compared() -> None:
    made = life()
    said = track(len(made), (110, 139, 1))
    said.value[:] = np.nan
    one = judge_outcome(made, said)
    assert (one.false, one.unjudged) == ((110,), 70)
    assert one.healthy_years * 365.25 * 86_400 == pytest.approx(30 * 10)


def test_a_bearing_without_healthy_windows_can_still_be_clean() -> None:
    assert judge_outcome(life(of=label(earliest=90)), track(LAST_LIVE + 1)).clean


def test_a_late_alert_is_found_but_not_in_time() -> None:
    one = outcome((230, LAST_LIVE, 1))
    assert one.found
    assert not one.in_time


def test_an_alert_that_is_on_already_is_false_and_no_detection() -> None:
    one = outcome((150, LAST_LIVE, 1))
    assert one.already_on
    assert (one.detected, one.found, one.clean, one.false) == (None, False, False, (150,))
    assert one.lead_hours is None


def test_an_alert_that_begins_anew_after_a_latched_one_is_a_detection() -> None:
    one = outcome((150, 205, 1), (230, LAST_LIVE, 1))
    assert one.already_on
    assert one.detected == 230
    assert not one.clean


def test_a_warning_in_disputed_time_is_neither_false_nor_a_miss_while_it_stays() -> None:
    stays = outcome((150, LAST_LIVE, 1), of=label(disputed=((120, 199),)))
    assert stays.dispute_open
    assert (stays.found, stays.clean, stays.disputed) == (True, True, (150,))
    assert stays.lead_hours is None
    gone = outcome((150, 160, 1), of=label(disputed=((120, 199),)))
    assert (gone.found, gone.clean, gone.disputed) == (False, True, (150,))


def test_an_alarm_in_disputed_time_is_not_clean() -> None:
    one = outcome((150, 160, 2), of=label(disputed=((120, 199),)))
    assert one.early_alarms == 11
    assert not one.clean


def test_an_alarm_counts_from_the_onset_on() -> None:
    one = outcome((205, 219, 1), (220, LAST_LIVE, 2))
    assert one.alarm == 220
    assert one.alarm_in_order


def test_a_bearing_that_does_not_fail_is_clean_or_not_and_never_found() -> None:
    healthy = label(fails=False, earliest=None, latest=None)
    assert outcome((240, 250, 1), of=healthy).false == (240,)
    assert not outcome((240, 250, 1), of=healthy).found
    crosstalk = label(fails=False, earliest=200, latest=None)
    assert outcome((240, 250, 1), of=crosstalk).clean


def test_the_share_in_alert_is_that_of_healthy_undisputed_windows() -> None:
    one = outcome((120, 129, 1), of=label(disputed=((150, 199),)))
    assert one.in_alert == pytest.approx(10 / 50)


@pytest.mark.parametrize(
    ("spells", "alarm", "in_order"),
    [
        (((205, 214, 1), (215, LAST_LIVE, 2)), 215, True),
        (((150, 205, 2), (230, LAST_LIVE, 1)), None, False),  # latched, then a warning alone
        (((150, 205, 2), (230, 239, 1), (240, LAST_LIVE, 2)), 240, True),
        (((205, LAST_LIVE, 1),), None, False),
    ],
)
def test_an_alarm_counts_that_is_entered_from_the_detection_on(
    spells: tuple[tuple[int, int, int], ...], alarm: int | None, in_order: bool
) -> None:
    one = outcome(*spells)
    assert (one.alarm, one.alarm_in_order) == (alarm, in_order)
