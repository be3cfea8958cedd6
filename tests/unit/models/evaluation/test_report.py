import csv
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.evaluation import FIRST_WINDOWS, EvaluationError
from models.evaluation.catalogue import OURS
from models.evaluation.charted import Network
from models.evaluation.evaluation import Result, compare, evaluate, sum_up, undisputed
from models.evaluation.remarks import remarks
from models.evaluation.report import (
    OUTCOMES,
    REPORT,
    SUMS,
    Page,
    html,
    refuse_unwritable,
    write_report,
)
from models.evaluation.spectra import read_spectra
from models.evaluation.tables import OUTCOME_COLUMNS, SUM_COLUMNS, cell, markdown, summary_rows
from models.evaluation.told import alerts_told
from pipelines.features import FeatureSettings, unknown
from pipelines.recordings import Recording
from pipelines.window import SensorKey, Window
from tests.unit.models.evaluation.lives import LAST_LIVE, Scripted, label, life, outcome
from tests.unit.models.fleet import FAULTY, FEATURES, KEY, START_NS, ZeroEngine, bundle

OTHER = SensorKey("fan", "drive-end")
LIVES = [life(), life(OTHER, of=label(str(OTHER), disputed=((120, 199),)))]
EARLY, LATE = ((205, LAST_LIVE, 1),), ((215, 225, 1), (226, LAST_LIVE, 2))


def result(*spells: tuple[int, int, int], name: str = OURS, random: bool = False) -> Result:
    return evaluate([Scripted(spells, name=name, random=random)], LIVES, seeds=3)[0]


def recording() -> Recording:
    rng = np.random.default_rng(3)

    def read() -> Iterator[Window]:
        for index in range(LAST_LIVE + 1):
            for key in (KEY, OTHER):
                samples = rng.normal(size=(1, 2048)).astype(np.float32)
                yield Window(*key, ("x",), START_NS + index * 10**10, 20_480.0, "g", samples)

    return Recording(Path("nowhere"), (KEY, OTHER), None, read)


def page(*results: Result) -> Page:
    network = Network(bundle(), ZeroEngine())
    return Page(
        facts={"command": "bearingwatch evaluate <x>"},
        results=results,
        told=alerts_told(LIVES, lambda _first, _seed: network),
        recordings=[recording()],
        features=FEATURES,
        machine=unknown,
        leave_one_out=False,
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


class Tags(HTMLParser):
    """Counts tags, and refuses a page that loads anything from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        assert tag not in ("script", "link", "img")
        assert "src" not in dict(attrs)


def test_only_random_methods_get_several_seeds() -> None:
    assert len(result(*EARLY).by_seed) == 1
    assert len(result(*EARLY, random=True).by_seed) == 3


def test_a_method_that_sees_the_whole_rig_is_asked_about_failing_bearings_only() -> None:
    healthy = life(OTHER, of=label(str(OTHER), fails=False, earliest=None, latest=None))
    (whole,) = evaluate([Scripted(whole_rig=True)], [LIVES[0], healthy], seeds=1)
    assert [one.life.key for one in whole.first] == [KEY]


def test_sums_count_bearings_and_healthy_time() -> None:
    sums = sum_up(result(*LATE).first)
    assert (sums.failing, sums.found, sums.in_time, sums.to_alarm) == (2, 2, 2, 2)
    assert (sums.clean, sums.false, sums.median_delay) == (2, 0, 15.0)
    hours = (100 + 20) * 10 / 3600
    assert sums.healthy_years == pytest.approx(hours / 8766, rel=1e-6)
    assert sums.false_bounds.upper == pytest.approx(3.6889 / sums.healthy_years, rel=1e-4)


def test_bearings_of_which_people_disagree_can_be_left_out() -> None:
    assert [one.life.key for one in undisputed(result(*EARLY).first)] == [KEY]


def test_a_comparison_names_what_is_better_on_which_side() -> None:
    one = compare(result(*EARLY).first, result(*LATE, name="other"))
    assert (one.better, one.worse) == (["median lead"], [])
    assert (one.shared, one.earlier, one.later) == (2, 2, 0)
    false = compare(result((130, 140, 1), *EARLY).first, result(*LATE, name="other"))
    assert false.worse == ["clean"]


def test_leads_are_compared_on_bearings_clean_by_both_only() -> None:
    one = compare(result((130, 140, 1), *EARLY).first, result(*LATE, name="other"))
    assert one.shared == 1  # what is false on one bearing is disputed on the other


def test_leads_are_not_compared_where_the_other_was_not_clean() -> None:
    one = compare(result(*EARLY).first, result((130, 140, 1), *LATE, name="other"))
    assert (one.clean, one.shared, one.earlier) == ((2, 1), 1, 1)


def test_a_simple_method_that_does_as_well_is_named() -> None:
    said = remarks([result(*EARLY), result(*EARLY, name="rms-6-sigma")], leave_one_out=False)
    assert any("rms-6-sigma does as well as ours" in text for text in said)


def test_an_order_by_which_another_bearing_is_found_is_not_said_to_carry_nothing() -> None:
    ours, theirs = result(*EARLY), result(name="frames-shuffled")
    crossed = [(ours.first[0], theirs.first[1]), (theirs.first[0], ours.first[1])]
    said = remarks(
        [replace(ours, by_seed=(crossed[0],)), replace(theirs, by_seed=(crossed[1],))],
        leave_one_out=True,
    )
    assert any("frames-shuffled: found 1 -> 1, clean 2 -> 2" in text for text in said)
    assert not any("carries nothing" in text for text in said)


def test_what_varies_with_the_seed_alone_is_put_down_to_no_part() -> None:
    by_seed = tuple(result(*spells).first for spells in (EARLY, LATE))
    ours, other, order = (
        Result(Scripted(name=name, random=True), by_seed)
        for name in (OURS, "no-sign", "frames-averaged")
    )
    said = remarks([ours, other, order], leave_one_out=True)
    assert any("no-sign (with one of 2" in text and "adds nothing" in text for text in said)
    assert any("frames-averaged: the same" in text and "by 0 windows" in text for text in said)


def test_an_order_that_misses_with_a_later_seed_says_so() -> None:
    by_seed = (result(*EARLY).first, result().first)
    other = Result(Scripted(name="frames-averaged", random=True), by_seed)
    said = remarks([result(*EARLY), other], leave_one_out=True)
    assert any("frames-averaged, 2 seeds together: found 4 -> 2, clean 4 -> 4" in t for t in said)


def test_a_part_taken_out_is_judged_by_every_seed() -> None:
    found = [result(*spells, name="no-sign").first for spells in (EARLY, LATE)]
    both = Result(Scripted(name="no-sign", random=True), (found[0], found[1]))
    (said,) = [one for one in remarks([result(*EARLY), both], leave_one_out=True) if "no-s" in one]
    assert "no-sign (with one of 2 seeds or more): worse in median lead" in said


def test_a_method_that_is_late_is_no_better_for_finding_as_many() -> None:
    late = ((225, LAST_LIVE, 1),)
    one = compare(result(*LATE).first, result(*late, name="other"))
    assert one.better == ["found in time", "median lead"]
    said = remarks([result(*LATE), result(*late, name="rms-6-sigma")], leave_one_out=False)
    assert any("better than rms-6-sigma in: found in time, median lead" in text for text in said)


def test_a_part_taken_out_may_be_worse_in_one_sum_and_better_in_another() -> None:
    early = (205, LAST_LIVE, 1)
    ours, without = result((225, LAST_LIVE, 1)), result((130, 140, 1), early, name="no-sign")
    (said,) = [text for text in remarks([ours, without], leave_one_out=False) if "no-sign" in text]
    assert "worse in clean; *better* in found in time, median lead" in said


def test_what_a_method_said_nothing_of_is_named() -> None:
    ours = result(*EARLY)
    silent = tuple(replace(one, unjudged=7) for one in ours.first[:1])
    said = remarks([replace(ours, by_seed=(silent,))], leave_one_out=False)
    assert any(f"{KEY} (7 of 100)" in text for text in said)
    assert not any("said nothing" in text for text in remarks([ours], leave_one_out=False))


def test_faulty_windows_among_the_first_are_named() -> None:
    one = result(*EARLY).first[0]
    seen = (replace(one.life.observations[0], quality=FAULTY), *one.life.observations[1:])
    faulty = (replace(one, life=replace(one.life, observations=seen)),)
    said = remarks([replace(result(*EARLY), by_seed=(faulty,))], leave_one_out=False)
    assert any(f"first 100 windows: {KEY} (1)" in text for text in said)


def test_without_ours_nothing_is_said_of_a_bundle_and_no_heading_is_empty() -> None:
    text = html(page(result(*EARLY, name="rms-6-sigma")))
    assert "The bundle as it is" not in text
    assert "Against each other method" not in text
    assert "Healthy time behind these numbers" in text


def test_what_another_method_said_nothing_of_is_named_without_ours() -> None:
    other = result(*EARLY, name="rms-6-sigma")
    silent = tuple(replace(one, unjudged=7) for one in other.first)
    said = remarks([replace(other, by_seed=(silent,))], leave_one_out=False)
    assert any("of which rms-6-sigma said nothing" in text for text in said)


def test_an_order_of_frames_that_carries_nothing_is_named() -> None:
    said = remarks([result(*EARLY), result(*EARLY, name="frames-shuffled")], leave_one_out=True)
    assert any("order of the frames carries nothing" in text for text in said)
    assert "never saw it" in said[0]


@pytest.mark.parametrize(
    ("spells", "shown"),
    [
        (EARLY, "205/0"),
        ((), "missed/0"),
        (((150, LAST_LIVE, 1),), "latched/1"),
        (((150, 205, 1), (230, LAST_LIVE, 1)), "latched,230/1"),
    ],
)
def test_a_cell_says_what_became_of_a_bearing(
    spells: tuple[tuple[int, int, int], ...], shown: str
) -> None:
    assert cell(outcome(*spells)) == shown


def test_a_table_for_documents_has_as_many_columns_in_every_line() -> None:
    lines = markdown(["a", "b"], [["1", "2"]]).splitlines()
    assert lines == ["| a | b |", "| --- | --- |", "| 1 | 2 |"]


def test_seeds_are_shown_as_median_and_spread() -> None:
    found = [result(*spells, random=True).first for spells in (EARLY, LATE)]
    both = Result(Scripted(name=OURS, random=True), (found[0], *found))
    row = summary_rows([both])[0]
    assert row[8] == "5 [5-15]"


def test_the_report_is_one_page_with_plots_and_two_csv_files(tmp_path: Path) -> None:
    write_report(page(result(*LATE), result(*EARLY, name="other")), tmp_path / "new" / "out")
    out = tmp_path / "new" / "out"
    text = (out / REPORT).read_text("utf-8")
    tags = Tags()
    tags.feed(text)
    assert tags.counts["svg"] == 6  # life, bands and spectrum of each bearing
    assert "bearingwatch evaluate &lt;x&gt;" in text
    rows = rows_of(out / OUTCOMES)
    assert tuple(rows[0]) == OUTCOME_COLUMNS
    assert [row["detected"] for row in rows] == ["215", "215", "205", "205"]
    sums = rows_of(out / SUMS)
    assert tuple(sums[0]) == SUM_COLUMNS
    assert [row["found"] for row in sums] == ["2", "2"]


def test_the_same_numbers_give_the_same_page(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_report(page(result(*EARLY)), tmp_path / name)
    first, second = ((tmp_path / name / REPORT).read_bytes() for name in ("a", "b"))
    assert first == second


def test_what_was_told_names_index_and_alert() -> None:
    network = Network(bundle(), ZeroEngine())
    told = alerts_told(LIVES[:1], lambda _first, _seed: network)[0]
    ((index, alert),) = told.alerts
    assert index >= (told.life.label.earliest or 0)
    assert (alert.link, told.kind(index)) == ("primary", "")
    assert (told.withheld, told.withheld_before, told.suspected) == ({}, {}, False)


def test_a_bearing_that_was_commissioned_with_suspicion_is_told_as_suspected() -> None:
    network = Network(bundle(), ZeroEngine())
    impacts = np.full(1, 9.0, np.float32)
    seen = [
        replace(one, kurtosis=impacts) if k < FIRST_WINDOWS else one
        for k, one in enumerate(LIVES[0].observations)
    ]
    (told,) = alerts_told([replace(LIVES[0], observations=tuple(seen))], lambda *_: network)
    assert told.suspected


def test_what_was_not_judged_is_told_before_the_onset_and_from_it_on() -> None:
    network = Network(bundle(), ZeroEngine())
    seen = [
        replace(one, quality=FAULTY) if k in (50, 120, 150, 255) else one
        for k, one in enumerate(LIVES[0].observations)
    ]
    told = alerts_told([replace(LIVES[0], observations=tuple(seen))], lambda *_: network)[0]
    assert told.withheld == {"sensor_fault": 1}
    # One window more was learnt, since a faulty one was among the first.
    assert told.withheld_before == {"learnt": 1, "sensor_fault": 2}
    assert "<td>1 sensor_fault</td><td>1 learnt, 2 sensor_fault</td>" in html(
        replace(page(result(*EARLY)), told=[told])
    )


def test_a_plot_says_what_was_told_with_its_alert() -> None:
    shown = page(result(*EARLY))
    ((index, alert),) = shown.told[0].alerts
    text = html(replace(shown, results=[result((index, LAST_LIVE, 1))]))
    assert f"<p>Told at window {index}: {escape(alert.text)}</p>" in text


def test_a_false_alert_is_shown_as_what_it_is() -> None:
    network = Network(bundle(), ZeroEngine())
    life = LIVES[0]
    late = replace(life, label=msgspec.structs.replace(life.label, earliest=life.label.latest))
    told = alerts_told([late], lambda _first, _seed: network)[0]
    assert [told.kind(index) for index, _ in told.alerts] == ["false"]
    assert f"<td>{told.alerts[0][0]}, false</td><td>{told.alerts[0][1].id}</td>" in html(
        replace(page(result(*EARLY)), told=[told])
    )


def test_a_bearing_that_fails_while_health_is_learnt_is_named() -> None:
    early = [
        replace(
            one,
            life=replace(
                one.life, label=msgspec.structs.replace(one.life.label, earliest=40, disputed=())
            ),
        )
        for one in result(*EARLY).first
    ]
    said = remarks([replace(result(*EARLY), by_seed=(tuple(early),))], leave_one_out=False)
    assert any("within the first 100 windows" in text for text in said)


def test_another_is_better_where_one_of_its_seeds_is() -> None:
    ours = result(*EARLY)
    earlier = ((203, LAST_LIVE, 1),)
    late, early = (result(*spells, name="rms-3-sigma").first for spells in (LATE, earlier))
    mixed = Result(Scripted(name="rms-3-sigma", random=True), (late, early))
    said = " ".join(remarks([ours, mixed], leave_one_out=False))
    assert "rms-3-sigma is better than ours in: median lead (with 1 of 2 seeds, " in said
    assert "later on 2" in said


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (LATE, "Ours is better than rms-3-sigma in: median lead; no worse in the rest"),
        (EARLY, "rms-3-sigma does as well as ours"),
    ],
)
def test_ours_is_better_only_where_it_is_with_every_seed(
    second: tuple[tuple[int, int, int], ...], said: str
) -> None:
    seeds = tuple(result(*spells, name="rms-3-sigma").first for spells in (LATE, second))
    mixed = Result(Scripted(name="rms-3-sigma", random=True), seeds)
    texts = remarks([result(*EARLY), mixed], leave_one_out=False)
    assert any(text.startswith(said) for text in texts)


def test_spectra_are_read_of_the_wanted_windows_only() -> None:
    found = read_spectra([recording()], {KEY: (0, 3)}, FeatureSettings())
    assert set(found) == {(KEY, 0), (KEY, 3)}
    spectrum = found[KEY, 3]
    assert spectrum.hz[1] == pytest.approx(10.0)
    assert spectrum.amplitude.shape == spectrum.hz.shape


def test_where_no_report_can_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "old" / REPORT).mkdir(parents=True)
    for name, problem in (("file/new", "may not be written to"), ("old", "is a folder")):
        with pytest.raises(EvaluationError, match=problem):
            refuse_unwritable(tmp_path / name)
    refuse_unwritable(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
