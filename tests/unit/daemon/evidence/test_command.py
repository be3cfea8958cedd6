"""`bearingwatch evidence`, on the journal of a process that has run."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemon.cli import cli
from daemon.errors import ExitStatus
from tests.plant.bundles import write_bundle
from tests.unit.daemon.evidence import life


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a settings file whose journal holds an alert; it names no store and no token."""
    folder = tmp_path_factory.mktemp("plant")
    life.run(folder, write_bundle(folder))
    path = folder / "plant.toml"
    path.write_text('[journal]\nkind = "sqlite"\n[sqlite]\npath = "plant.db"\n')
    return path


def evidence(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["evidence", *map(str, arguments)])


def listed(plant: Path) -> list[str]:
    return evidence("-c", plant).stdout.splitlines()


def test_without_an_id_alerts_are_listed_with_what_is_kept(plant: Path) -> None:
    heading, row, told = listed(plant)
    assert heading.split() == ["alert", "sensor", "windows", "latest"]
    assert "  pump/drive-end  first, raised, escalated  2023-11-14 " in row
    assert told.startswith("evidence of 1 alert is kept;")


def test_an_alert_is_written_and_its_sentences_are_told(plant: Path, tmp_path: Path) -> None:
    alert = listed(plant)[1].split()[0]
    done = evidence(alert, "-c", plant, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "raised: pump/drive-end axis radial departs from its healthy baseline;" in done.stdout
    assert "escalated: pump/drive-end axis radial departs severely" in done.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "first.npz", "raised.npz", "escalated.npz", "alert.json", "spectrum.png"
    }  # fmt: skip


def test_nothing_is_written_over(plant: Path, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    done = evidence(listed(plant)[1].split()[0], "-c", plant, "--out", tmp_path)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "is no empty folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_an_alert_without_evidence_is_named(plant: Path, tmp_path: Path) -> None:
    done = evidence("0123456789abcdef", "-c", plant, "--out", tmp_path / "out")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "no evidence of alert '0123456789abcdef'" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "problem", "status"),
    [
        ('[journal]\nkind = "memory"\n', "keeps nothing", ExitStatus.BAD_SETTINGS),
        ('[journal]\nkind = "sqlite"\n', "[sqlite] is needed", ExitStatus.BAD_SETTINGS),
        (
            '[journal]\nkind = "sqlite"\n[sqlite]\npath = "no.db"\n',
            "no evidence can be read from it",
            ExitStatus.COULD_NOT_START,
        ),
    ],
)
def test_a_journal_that_holds_nothing_is_named(
    tmp_path: Path, text: str, problem: str, status: ExitStatus
) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(text)
    done = evidence("-c", path)
    assert done.exit_code == status
    assert problem in done.stderr
    assert list(tmp_path.iterdir()) == [path]
