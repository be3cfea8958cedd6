"""The SQLite journal's offsets are counts: those of another source must not be gone on from."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from daemon.app import build_journal
from daemon.errors import StartError
from daemon.journal import Entry
from daemon.settings import Settings
from daemon.sources.memory import MemorySource
from tests.unit.daemon.cli.calling import noise


def start(folder: Path, source: dict[str, Any], *, commit: bool = False) -> None:
    for path in source.get("recordings", {}).get("paths", ()):
        if path.suffix:
            noise(folder / path, 5120, 2)
    told = {
        "series": {"kind": "memory"},
        "journal": {"kind": "sqlite"},
        "sqlite": {"path": folder / "plant.db"},
        **source,
    }
    journal = build_journal(Settings.model_validate(told), MemorySource())
    try:
        journal.start()
        journal.restore({0})
        if commit:
            journal.commit(Entry(states={}, alerts=[], dead_letters=[], next_offsets={0: 5}))
    finally:
        journal.close()


def recordings(*paths: str, **more: Any) -> dict[str, Any]:
    told = {"paths": [Path(path) for path in paths], "unit": "g", "full_scale": 50.0, **more}
    return {"source": {"kind": "recordings"}, "recordings": told}


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def simulator(**more: Any) -> dict[str, Any]:
    return {"source": {"kind": "simulator"}, "simulator": more}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (recordings("ra.wav"), recordings("rb.wav")),
        (recordings("ra.wav"), recordings("ra.wav", "rb.wav")),
        (recordings("ra.wav"), recordings("ra.wav", window_s=2)),
        (recordings("ra.wav"), simulator(seed=1)),
        (simulator(seed=1), simulator(seed=2)),
        (simulator(days=1), simulator(days=2)),
        ({"kafka": {"prefix": "north"}}, {"kafka": {"prefix": "south"}}),
    ],
)
def test_a_file_of_another_source_is_refused(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any]
) -> None:
    start(tmp_path, before, commit=True)
    with pytest.raises(StartError, match="name another file as sqlite"):
        start(tmp_path, after)
    start(tmp_path, before)


def test_the_refusal_says_what_was_there_and_what_is_wanted(tmp_path: Path) -> None:
    start(tmp_path, recordings("ra.wav"), commit=True)
    with pytest.raises(StartError, match=r"is of recordings .*/ra\.wav.* now is .*/rb\.wav"):
        start(tmp_path, recordings("rb.wav"))


def test_the_order_of_paths_and_what_does_not_count_windows_may_change(tmp_path: Path) -> None:
    start(tmp_path, recordings("ra.wav", "rb.wav"), commit=True)
    start(tmp_path, recordings("rb.wav", "ra.wav", unit="g"), commit=True)


def test_a_file_without_offsets_is_anyones(tmp_path: Path) -> None:
    start(tmp_path, simulator(seed=1))
    start(tmp_path, simulator(seed=2), commit=True)


def test_a_file_that_knows_no_source_is_taken_over(tmp_path: Path) -> None:
    start(tmp_path, simulator(seed=1), commit=True)
    with closing(sqlite3.connect(tmp_path / "plant.db")) as connection:
        connection.execute("DROP TABLE sources")
    start(tmp_path, simulator(seed=2))
    with pytest.raises(StartError):
        start(tmp_path, simulator(seed=1))


def test_a_recording_that_was_added_to_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    noise(tmp_path / "in" / "a.wav", 5120, 2)
    start(tmp_path, recordings("in"), commit=True)
    start(tmp_path, recordings("in"))
    noise(tmp_path / "in" / "b.wav", 5120, 2)
    with pytest.raises(StartError, match="name another file as sqlite"):
        start(tmp_path, recordings("in"))


def test_a_recording_alone_may_grow_and_one_among_others_may_not(tmp_path: Path) -> None:
    for folder, names in (("alone", "a"), ("both", "ab")):
        (tmp_path / folder).mkdir()
        for name in names:
            noise(tmp_path / folder / f"{name}.wav", 5120, 2)
        start(tmp_path / folder, recordings(str(tmp_path / folder)), commit=True)
        noise(tmp_path / folder / "a.wav", 5120, 3)
    start(tmp_path / "alone", recordings(str(tmp_path / "alone")))
    with pytest.raises(StartError, match="name another file as sqlite"):
        start(tmp_path / "both", recordings(str(tmp_path / "both")))


def test_a_csv_among_others_that_grew_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "ab":
        (tmp_path / "in" / f"{name}.csv").write_text("0.1\n" * 2000)
    told = recordings("in", full_scale=None, sample_rate_hz=1000.0)
    start(tmp_path, told, commit=True)
    start(tmp_path, told)
    (tmp_path / "in" / "a.csv").write_text("0.1\n" * 4000)
    with pytest.raises(StartError, match="name another file as sqlite"):
        start(tmp_path, told)


def test_another_rate_counts_other_windows(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("0.1\n" * 2000)
    start(tmp_path, recordings("in", full_scale=None, sample_rate_hz=1000.0), commit=True)
    with pytest.raises(StartError, match="name another file as sqlite"):
        start(tmp_path, recordings("in", full_scale=None, sample_rate_hz=800.0))
