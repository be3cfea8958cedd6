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


def start(folder: Path, source: dict[str, Any], *, commit: bool = False) -> None:
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
    return {"source": {"kind": "recordings"}, "recordings": {"paths": paths, **more}}


def simulator(**more: Any) -> dict[str, Any]:
    return {"source": {"kind": "simulator"}, "simulator": more}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (recordings("/d/ra.csv"), recordings("/d/rb.csv")),
        (recordings("/d/ra.csv"), recordings("/d/ra.csv", "/d/rb.csv")),
        (recordings("/d/ra.csv"), recordings("/d/ra.csv", window_s=2)),
        (recordings("/d/ra.csv"), simulator(seed=1)),
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
    start(tmp_path, recordings("/d/ra.csv"), commit=True)
    with pytest.raises(StartError, match=r"is of recordings /d/ra\.csv.* now is .*/d/rb\.csv"):
        start(tmp_path, recordings("/d/rb.csv"))


def test_the_order_of_paths_and_what_does_not_count_windows_may_change(tmp_path: Path) -> None:
    start(tmp_path, recordings("/d/ra.csv", "/d/rb.csv"), commit=True)
    start(tmp_path, recordings("/d/rb.csv", "/d/ra.csv", unit="g"), commit=True)


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
