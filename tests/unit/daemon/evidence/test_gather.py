"""What of a batch is evidence: a function of records and judgements."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from daemon.batch import Judged
from daemon.evidence import Part, decode_evidence
from daemon.evidence.gather import with_evidence
from daemon.intake import Sorted
from daemon.journal import Entry, Exhibit
from daemon.journal.sqlite import read_evidence
from daemon.series import Points
from daemon.sources import Record
from models.alerts import Transition
from models.explain import alert_id
from models.judgement import Judgement, Run
from pipelines.window import SensorKey
from pipelines.wire import JSON, encode
from tests.contract.builders import event, judgement, window
from tests.plant.bundles import write_bundle
from tests.unit.daemon.evidence import life

PUMP = SensorKey("pump", "de")
VALUE = encode(window(start_ns=8), JSON)
RECORD = Record("windows", 3, 17, 99, b"pump", VALUE, (("content-type", JSON.encode()),))
NOW = judgement(start_ns=8)


def exhibits(of: Judgement, record: Record = RECORD) -> list[Exhibit]:
    """Return the evidence of a batch of one window, whose partition is the record's."""
    batch = Judged(Sorted(records=[record]), {}, {}, [of], Points(), Entry())
    evidence = with_evidence(batch).entry.evidence
    assert {partition for partition, _ in evidence} <= {record.partition}
    return [exhibit for _, exhibit in evidence]


def test_a_window_that_begins_no_run_and_tells_nothing_is_no_evidence() -> None:
    assert exhibits(NOW) == []


def test_the_first_window_of_a_run_is_kept_as_it_came_for_the_alert_it_may_become() -> None:
    (one,) = exhibits(msgspec.structs.replace(NOW, run=Run(began_ns=8)))
    assert (one.sensor, one.alert, one.part) == (PUMP, alert_id(PUMP, 8), "first")
    assert one.value is not None
    kept = decode_evidence(one.value)
    assert (kept.window, kept.content_type) == (VALUE, JSON)
    assert (kept.topic, kept.partition, kept.offset, kept.timestamp_ms) == ("windows", 3, 17, 99)
    assert (kept.alert, kept.part, kept.start_ns) == (alert_id(PUMP, 8), Part.FIRST, 8)
    assert kept.event is None


def test_a_run_that_lapses_takes_its_first_window_away() -> None:
    (one,) = exhibits(msgspec.structs.replace(NOW, run=Run(lapsed_ns=5)))
    assert (one.alert, one.part, one.value) == (alert_id(PUMP, 5), "first", None)


@pytest.mark.parametrize(
    ("transition", "part"), [(Transition.RAISED, "raised"), (Transition.ESCALATED, "escalated")]
)
def test_the_windows_that_raise_and_escalate_are_kept_with_what_was_told(
    transition: Transition, part: str
) -> None:
    told = event("alert-1", transition=transition)
    (one,) = exhibits(msgspec.structs.replace(NOW, events=(told,)))
    assert (one.alert, one.part) == ("alert-1", part)
    assert one.value is not None
    assert decode_evidence(one.value).event == told


@pytest.mark.parametrize("transition", [Transition.LOWERED, Transition.CLEARED])
def test_what_gets_better_needs_no_evidence(transition: Transition) -> None:
    assert exhibits(msgspec.structs.replace(NOW, events=(event(transition=transition),))) == []


def test_a_window_that_no_record_could_hold_is_left_out() -> None:
    long = replace(window(), samples=np.ones((1, 500_000), "<i2"))
    record = replace(RECORD, value=long)
    assert exhibits(msgspec.structs.replace(NOW, run=Run(began_ns=8)), record) == []


def test_an_alert_leaves_its_windows_and_a_moment_leaves_nothing(tmp_path: Path) -> None:
    judged = life.run(tmp_path, write_bundle(tmp_path))
    began = [one for batch in judged for one in batch.judgements if one.run and one.run.began_ns]
    assert SensorKey("pump", "free-end") in {one.observation.key for one in began}
    kept = {(one.sensor.sensor, one.part) for one in read_evidence(tmp_path / "plant.db")}
    assert kept == {("drive-end", part) for part in Part}


def test_evidence_is_the_same_however_the_log_is_split(tmp_path: Path) -> None:
    found = []
    for batch in (1, 40):
        folder = tmp_path / str(batch)
        life.run(folder, write_bundle(folder), batch=batch)
        found.append(set(read_evidence(folder / "plant.db")))
    assert found[0] == found[1]


def test_nothing_is_kept_where_evidence_is_off(tmp_path: Path) -> None:
    judged = life.run(tmp_path, write_bundle(tmp_path), evidence=False)
    assert any(batch.entry.alerts for batch in judged)
    assert list(read_evidence(tmp_path / "plant.db")) == []
