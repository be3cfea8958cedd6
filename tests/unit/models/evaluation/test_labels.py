from pathlib import Path

import msgspec
import pytest

from models.evaluation import EvaluationError
from models.evaluation.labels import read_labels, shipped_labels
from pipelines.window import SensorKey
from tests.unit.models.evaluation.lives import label


def test_the_shipped_labels_know_seven_failing_bearings_and_three_neighbours() -> None:
    labels = read_labels(shipped_labels())
    known = [labels.of(SensorKey(*f"{name}/bearing".split("/")[:2])) for name in labels.names()]
    assert sum(one.fails for one in known if one) == 7
    assert len(known) == 10


def test_nothing_is_learnt_from_the_foreign_rig() -> None:
    labels = read_labels(shipped_labels())
    rig = [labels.of(SensorKey("ims-test2", f"bearing{k}")) for k in (1, 2, 3, 4)]
    assert [one.learn_until for one in rig if one] == [0, 0, 0, 0]


def test_what_is_learnt_is_neither_failing_nor_disputed() -> None:
    labels = read_labels(shipped_labels())
    learnt = [labels.of(SensorKey(name, "bearing")) for name in labels.names()]
    for one in learnt:
        assert one is None or one.learn_until < one.healthy_until
        assert one is None or not any(one.is_disputed(k) for k in range(one.learn_until))


def test_the_full_name_goes_before_the_asset(tmp_path: Path) -> None:
    path = tmp_path / "labels.toml"
    path.write_text(
        '[[bearing]]\nsensor = "p"\nfails = false\nlast_live = 300\n'
        '[[bearing]]\nsensor = "p/a"\nfails = false\nlast_live = 200\n',
        encoding="utf-8",
    )
    labels = read_labels(path)
    found = [labels.of(SensorKey("p", sensor)) for sensor in "ab"]
    assert [one.last_live for one in found if one] == [200, 300]
    assert labels.of(SensorKey("q", "a")) is None


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("earliest", None, "needs earliest and latest"),
        ("earliest", 400, "expected 0 to"),
        ("latest", 150, "lies before earliest"),
        ("latest", 9999, "expected at most last_live"),
        ("learn_until", -5, "learn_until is -5, expected 0 or 100 to 200"),
        ("learn_until", 50, "learn_until is 50, expected 0 or 100 to 200"),
        ("learn_until", 201, "learn_until is 201, expected 0 or 100 to 200"),
        ("disputed", ((150, 200),), r"disputed has \[150, 200\], .* within 0 and 199"),
        ("disputed", ((150, 120),), r"disputed has \[150, 120\], expected a first window and then"),
        ("disputed", ((-5, 9999),), r"disputed has \[-5, 9999\], .* within 0 and"),
    ],
)
def test_a_label_that_makes_no_sense_is_refused(field: str, value: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        msgspec.structs.replace(label(), **{field: value})


def test_what_is_disputed_is_not_to_be_learnt() -> None:
    with pytest.raises(ValueError, match="learn_until is 150, expected at most 120"):
        label(learn_until=150, disputed=((120, 199),))


@pytest.mark.parametrize("text", ["[[bearing]]\nsensor = 'x'\nonset = 3", "nothing ="])
def test_a_broken_file_is_named_with_what_was_expected(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"labels\.toml.*\[\[bearing\]\]"):
        read_labels(path)


def test_a_file_in_another_encoding_is_named_with_what_was_expected(tmp_path: Path) -> None:
    path = tmp_path / "labels.toml"
    path.write_bytes(ONE.replace("p/a", "Lüfter").encode("latin-1"))
    with pytest.raises(EvaluationError, match=r"labels\.toml: .*expected TOML \(UTF-8\)"):
        read_labels(path)


ONE = "[[bearing]]\nsensor = 'p/a'\nfails = false\nlast_live = 300\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ONE + ONE, "p/a has two labels; leave one of them out"),
        (
            ONE.replace("300", "'x'"),
            "'p/a': .*last_live: got 'x', expected a whole number",
        ),
        (ONE + "latest = 1.5\n", "latest: got 1.5, expected a whole number"),
        ("", "bearing: is missing"),
        (ONE + "onset = 3\n", "'p/a': .*onset: there is no such field"),
        (ONE + "disputed = [[3]]\n", "disputed.*expected a list of 2 items"),
    ],
)
def test_a_label_that_cannot_be_read_is_named_in_our_words(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "labels.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EvaluationError, match=problem):
        read_labels(path)


def test_labels_without_a_sensor_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "labels.toml"
    path.write_text(ONE + ONE.replace("p/a", "q"), encoding="utf-8")
    assert read_labels(path).unmatched([SensorKey("q", "any"), SensorKey("p", "b")]) == ["p/a"]
