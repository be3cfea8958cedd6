"""Evidence as files: the windows can be read again, the figures are the baseline's."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from daemon.errors import StartError
from daemon.evidence import Evidence, Part, decode_evidence, files
from daemon.journal.sqlite import read_evidence
from daemon.machines import KnownMachine
from models.judgement import Grounds
from pipelines.bearings import CATALOGUE
from pipelines.recordings import Declared, open_recording
from pipelines.recordings.npz import save_window
from pipelines.window import Window
from pipelines.wire import encode
from tests.plant.bundles import write_bundle
from tests.unit.daemon.evidence import life

Kept = dict[Part, Evidence]


@pytest.fixture(scope="module")
def grounds_and_kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Grounds, Kept]:
    folder = tmp_path_factory.mktemp("life")
    judged = life.run(folder, write_bundle(folder))
    grounds = [one.grounds for batch in judged for one in batch.judgements if one.grounds]
    kept = [decode_evidence(one.value or b"") for one in read_evidence(folder / "plant.db")]
    return grounds[0], {one.part: one for one in sorted(kept, key=lambda one: one.start_ns)}


@pytest.fixture(scope="module")
def kept(grounds_and_kept: tuple[Grounds, Kept]) -> Kept:
    return grounds_and_kept[1]


@pytest.fixture(scope="module")
def grounds(grounds_and_kept: tuple[Grounds, Kept]) -> Grounds:
    return grounds_and_kept[0]


def same(one: Window, other: Window) -> bool:
    rest = (replace(each, samples=np.zeros(0), sequence=None) for each in (one, other))
    return repr(next(rest)) == repr(next(rest)) and np.array_equal(one.samples, other.samples)


def test_windows_are_recordings_that_give_the_same_windows(kept: Kept, tmp_path: Path) -> None:
    files.write(kept, None, tmp_path)
    log = {one.start_ns: one for one in life.windows() if one.sensor == "drive-end"}
    for part in Part:
        (read,) = open_recording(tmp_path / f"{part}.npz", Declared())
        assert same(read, log[kept[part].start_ns])
    assert kept[Part.FIRST].start_ns == life.windows()[2 * life.FAILS_FROM].start_ns


def test_a_window_keeps_its_time_unit_speed_and_load_in_a_recording(tmp_path: Path) -> None:
    one = replace(life.windows()[0], unit="mm/s", rpm=1480.0, load=7.5)
    save_window(tmp_path / "one.npz", one)
    recording = open_recording(tmp_path / "one.npz", Declared())
    assert recording.dated
    assert same(next(iter(recording)), one)


def test_the_facts_are_the_baseline_that_the_alert_was_raised_against(
    kept: Kept, grounds: Grounds, tmp_path: Path
) -> None:
    files.write(kept, None, tmp_path)
    facts = json.loads((tmp_path / "alert.json").read_text())
    assert [event["transition"] for event in facts["events"]] == ["raised", "escalated"]
    assert {event["id"] for event in facts["events"]} == {facts["alert"]}
    assert facts["windows"]["first"]["start_ns"] == facts["events"][0]["first_exceedance_ns"]
    baseline, features = facts["baseline"], grounds.features
    assert grounds.baseline is not None
    assert grounds.departures is not None
    np.testing.assert_allclose(baseline["edges_hz"], features.edges_hz(), atol=1e-4)
    for name, expected in (("level", grounds.baseline.centre), ("spread", grounds.baseline.spread)):
        found = np.array(baseline[name], np.float64)  # null is NaN
        np.testing.assert_allclose(found, expected[:, : features.width], atol=1e-4)
    np.testing.assert_allclose(
        np.array(baseline["departures"], np.float64), grounds.departures, atol=1e-4
    )
    assert facts["events"][0]["baseline"] == grounds.baseline.id


def test_an_alert_from_before_evidence_says_why_there_is_no_more(
    kept: Kept, tmp_path: Path
) -> None:
    files.write({Part.ESCALATED: kept[Part.ESCALATED]}, None, tmp_path)
    facts = json.loads((tmp_path / "alert.json").read_text())
    assert facts["missing"].startswith("not kept: first and raised, and so is the baseline: ")
    assert files.missing(kept) is None
    assert files.missing({Part.FIRST: kept[Part.FIRST]}) is None


@pytest.mark.parametrize("machine", [None, KnownMachine(CATALOGUE["SKF 6205-2RS"], 1500.0)])
def test_a_picture_is_drawn(kept: Kept, machine: KnownMachine | None, tmp_path: Path) -> None:
    written, missing = files.write(kept, machine, tmp_path)
    assert (written[-1], missing) == ("spectrum.png", None)
    header = (tmp_path / "spectrum.png").read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    assert int.from_bytes(header[16:20]) == 1200  # its width


def test_a_picture_needs_no_baseline(kept: Kept, tmp_path: Path) -> None:
    bare = {part: msgspec.structs.replace(one, baseline=None) for part, one in kept.items()}
    assert files.write(bare, None, tmp_path)[0][-1] == "spectrum.png"


def test_windows_that_no_features_can_be_had_from_are_written_without_a_picture(
    kept: Kept, tmp_path: Path
) -> None:
    short = replace(life.windows()[0], samples=np.ones((1, 100), "<i2"))
    first = msgspec.structs.replace(kept[Part.FIRST], window=encode(short))
    written, missing = files.write({Part.FIRST: first}, None, tmp_path)
    assert written == ["first.npz", "alert.json"]
    assert missing is not None
    assert missing.startswith("no picture: pump/drive-end: 100 samples")


def test_without_matplotlib_the_rest_is_written_and_it_is_told_how_to_install_it(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    written, missing = files.write(kept, None, tmp_path)
    assert written == ["first.npz", "raised.npz", "escalated.npz", "alert.json"]
    assert all((tmp_path / name).exists() for name in written)
    assert missing is not None
    assert "pip install '.[evaluation]'" in missing


def test_evidence_that_a_newer_version_wrote_is_refused(kept: Kept) -> None:
    newer = msgspec.structs.replace(kept[Part.FIRST], schema=2)
    with pytest.raises(StartError, match="upgrade"):
        decode_evidence(newer.encode())
    with pytest.raises(StartError, match="cannot be read"):
        decode_evidence(b"\xc1")
