"""Points as InfluxDB's line protocol."""

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from daemon.series import Points
from daemon.series.line_protocol import LineEncoder, told_by
from models.alerts import Zone
from models.judgement import Verdict
from tests.contract.builders import event, judgement


def lines(points: Points) -> list[str]:
    return LineEncoder().encode(points)


def test_a_loss_point_has_all_its_fields() -> None:
    assert lines(Points(losses=[judgement(start_ns=1_700_000_000_000_000_001)])) == [
        "reconstruction_loss,asset=pump,sensor=de loss=0.5,threshold=1.5,anchored_ratio=0.25,"
        'adaptive_ratio=0.75,zone="normal",louder=true,late=false 1700000000000000001'
    ]


def test_a_late_window_says_so() -> None:
    (line,) = lines(Points(losses=[judgement(verdict=Verdict.LATE)]))
    assert "late=true" in line


def test_a_ratio_that_does_not_exist_is_left_out() -> None:
    (line,) = lines(Points(losses=[msgspec.structs.replace(judgement(), adaptive=math.nan)]))
    assert "adaptive_ratio" not in line
    assert line.count("=") == 8


@pytest.mark.parametrize("number", [1e-9, 123456.5, 1e15, 3.0])
def test_numbers_are_floats_with_six_significant_digits(number: float) -> None:
    (line,) = lines(Points(losses=[judgement(loss=number)]))
    written = line.split("loss=")[1].split(",")[0]
    assert float(written) == pytest.approx(number, rel=1e-5)
    assert not written.endswith("i")


@pytest.mark.parametrize(
    ("name", "escaped"),
    [("pump 1", r"pump\ 1"), ("a,b", r"a\,b"), ("a=b", r"a\=b"), ("Pümpe", "Pümpe")],
)
def test_tags_are_escaped(name: str, escaped: str) -> None:
    (line,) = lines(Points(losses=[judgement(name)]))
    assert line.startswith(f"reconstruction_loss,asset={escaped},sensor=de ")


def test_every_line_has_what_it_is_of() -> None:
    loss, both, alert = judgement("a"), judgement("b", axes=("x", "y")), event(asset="c")
    points = Points(losses=[loss], vibrations=[both], alerts=[alert])
    assert list(map(id, told_by(points))) == list(map(id, [loss, both, both, alert]))
    assert [line.split(",")[1] for line in lines(points)] == [
        "asset=a", "asset=b", "asset=b", "asset=c"
    ]  # fmt: skip


def test_a_vibration_point_has_one_line_per_axis() -> None:
    first, second = lines(Points(vibrations=[judgement(axes=("x", "y"))]))
    assert first.startswith("vibration,asset=pump,sensor=de,axis=x rms=1,peak=4,crest=4,kurtosis=3")
    assert ",axis=y " in second
    assert "velocity_rms" not in first
    assert "band_15=15" in first


def test_fault_lines_are_written_where_they_are_known() -> None:
    seen = replace(judgement().observation, fault_lines=np.array([[1, 2, 3, math.nan]], np.float32))
    (line,) = lines(Points(vibrations=[msgspec.structs.replace(judgement(), observation=seen)]))
    assert "fault_bpfo=1,fault_bpfi=2,fault_bsf2=3,band_00=0" in line


def test_an_alert_point_bears_its_zone_and_escaped_texts() -> None:
    (line,) = lines(Points(alerts=[event(text='a "b"\\\nc', zone=Zone.ALARM, time_ns=7)]))
    assert line.startswith(
        'alerts,asset=pump,sensor=de,zone=alarm id="alert-1",transition="raised"'
    )
    assert r'text="a \"b\"\\ c"' in line
    assert line.endswith("first_exceedance_ns=3i,confirmed_ns=4i 7")
    assert "\n" not in line


def test_tags_of_a_sensor_are_escaped_once() -> None:
    encoder = LineEncoder()
    batch = Points(losses=[judgement(start_ns=n) for n in range(3)])
    assert encoder.encode(batch) == encoder.encode(batch)
    assert len(encoder._heads) == 1
