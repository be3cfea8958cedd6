"""`bearingwatch evidence`, on the journal of a process that has run."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemon.cli import cli
from daemon.errors import ExitStatus
from daemon.journal import Exhibit
from pipelines.window import SensorKey
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
    heading, row, told, _ = listed(plant)
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


@pytest.mark.parametrize("shown", [str.upper, lambda alert: alert[:6]], ids=["capitals", "begun"])
def test_an_id_may_be_in_capitals_or_only_begun(
    plant: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: Callable[[str], str]
) -> None:
    monkeypatch.chdir(tmp_path)
    alert = listed(plant)[1].split()[0]
    done = evidence(shown(alert), "-c", plant)
    assert done.exit_code == 0, done.output
    assert f"are in evidence-{alert}\n" in done.stdout


def test_less_than_six_digits_name_no_alert(plant: Path) -> None:
    done = evidence(listed(plant)[1][:5], "-c", plant)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "is no id yet: give its first 6 digits or more" in done.stderr


def test_what_begins_several_ids_is_told(plant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sensor = SensorKey("pump", "de")
    two = [Exhibit(sensor, f"abcdef{end}", "first", 1, b"x") for end in "12"]
    monkeypatch.setattr("daemon.app.read_evidence", lambda _: iter(two))
    done = evidence("ABCDEF", "-c", plant)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "'ABCDEF' begins abcdef1, abcdef2: give more of the id" in done.stderr


def test_it_is_told_that_the_end_of_an_alert_is_not_among_what_is_kept(
    plant: Path, tmp_path: Path
) -> None:
    done = evidence(listed(plant)[1].split()[0], "-c", plant, "--out", tmp_path / "out")
    assert (
        "the last transition that is kept: escalated; whether it is still open, the" in done.stdout
    )
    assert "not kept" not in done.output
    assert "whether an alert is still open" in listed(plant)[-1]


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
