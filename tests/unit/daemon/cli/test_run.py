"""`run`: settings that are missing or bad."""

from __future__ import annotations

from pathlib import Path

from daemon.errors import ExitStatus
from tests.unit.daemon.cli.calling import bearingwatch


def test_run_without_settings_says_how_to_give_some() -> None:
    done = bearingwatch("run")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "give -c FILE" in done.output


def test_run_with_bad_settings_says_so_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text("[lop]\n")
    done = bearingwatch("run", "-c", path)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "did you mean 'loop'" in done.output
    assert "Traceback" not in done.output
