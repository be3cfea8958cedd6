"""`train` and `evaluate`: what they want to know, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.cli.train import Telling
from daemon.errors import ExitStatus
from models.fleet_training import Read
from models.recipe import Recipe
from tests.unit.daemon.cli.calling import bearingwatch, noise


@pytest.mark.parametrize("told", [[], ["--healthy-windows", 5, "--recipe", __file__]])
def test_train_wants_to_know_once_what_is_healthy(
    fleet: Path, tmp_path: Path, told: list[str | int]
) -> None:
    done = bearingwatch("train", fleet, "--out", tmp_path / "b", *told)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "say what is healthy" in done.output


def test_train_says_how_to_install_what_it_needs(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    done = bearingwatch("train", fleet, "--out", tmp_path / "b", "--healthy-windows", 500)
    assert done.exit_code == ExitStatus.COULD_NOT_START
    assert "pip install --require-hashes -r requirements/training.txt" in done.output
    assert (Path(__file__).parents[4] / "requirements" / "training.txt").is_file()


def test_train_refuses_to_exclude_what_is_not_there(fleet: Path, tmp_path: Path) -> None:
    done = bearingwatch(
        "train", fleet, "--out", tmp_path / "b", "--healthy-windows", 500,
        "--exclude", "machine-001/bearing-1", "--exclude", "machine-01",
    )  # fmt: skip
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "--exclude 'machine-01': no machine or sensor of these" in done.stderr
    assert "did you mean 'machine-001'?" in done.stderr


def test_evaluate_writes_no_folder_over_a_file(fleet: Path) -> None:
    done = bearingwatch("evaluate", fleet, "--out", fleet / "truth.csv")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "is a file" in done.stderr


def test_train_names_a_recipe_it_cannot_read(fleet: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("healthy_until = 3\n")
    done = bearingwatch("train", fleet, "--out", tmp_path / "b", "--recipe", recipe)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "recipe.toml" in done.output


def test_train_refuses_a_declaration_that_cannot_be(fleet: Path, tmp_path: Path) -> None:
    done = bearingwatch(
        "train", fleet, "--out", tmp_path / "b", "--healthy-windows", 500, "--scale", 1,
        "--full-scale", 1,
    )  # fmt: skip
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "not both" in done.output


@pytest.mark.parametrize("count", [3, 100])
def test_train_refuses_fewer_windows_than_there_is_something_to_learn_from(
    fleet: Path, tmp_path: Path, count: int
) -> None:
    done = bearingwatch("train", fleet, "--out", tmp_path / "b", "--healthy-windows", count)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert f"--healthy-windows {count}: the first 100 make a sensor's baseline" in done.stderr
    assert "give more" in done.stderr


@pytest.mark.parametrize(
    ("recipe", "warned"),
    [
        (Recipe(rest=100_000), True),
        (Recipe(healthy_until={"pump": 261}), True),
        (Recipe(healthy_until={"pump/de": 260}, rest=100_000), False),
        (Recipe(rest=200), False),
    ],
)
def test_train_warns_where_all_of_a_recording_is_taken_for_healthy(
    recipe: Recipe, warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    telling = Telling(lambda _: None, recipe)
    telling.tell(Read("pump/de", 260))
    telling.tell(Read("simulated/0", 250))
    said = capsys.readouterr().err
    assert ("there are 260: all of it is learnt as healthy, its end included" in said) is warned
    assert said.count("warning: ") == int(warned)


@pytest.mark.training
@pytest.mark.parametrize(
    ("recipe", "problem"),
    [
        ('[healthy_until]\n"machine-001/bearing-1" = 20\n', "20 healthy windows, its baseline"),
        ("[healthy_until]\nnothing = 200\n", "no healthy window was found"),
    ],
)
def test_a_recipe_that_leaves_too_little_is_bad_input(
    fleet: Path, tmp_path: Path, recipe: str, problem: str
) -> None:
    (tmp_path / "recipe.toml").write_text(recipe)
    done = bearingwatch(
        "train", fleet, "--out", tmp_path / "b", "--recipe", tmp_path / "recipe.toml"
    )
    assert done.exit_code == ExitStatus.BAD_SETTINGS, done.output
    assert problem in done.stderr


@pytest.mark.training
def test_train_says_that_a_recording_lacks_a_unit(tmp_path: Path) -> None:
    noise(tmp_path / "pump.wav", 2560, 1)
    done = bearingwatch("train", tmp_path, "--out", tmp_path / "b", "--healthy-windows", 500)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "pump.wav: the file does not say its unit and what its integers are worth" in done.output
