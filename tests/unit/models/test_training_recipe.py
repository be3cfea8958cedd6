import hashlib
from pathlib import Path

import pytest

from models.bundle import load_bundle
from models.learning_set import TrainingError
from models.recipe import Recipe, fingerprint, read_recipe
from pipelines.window import SensorKey

SENSOR = SensorKey("pump", "drive-end")
SHIPPED = Path(__file__).parents[3] / "models" / "bundles" / "fleet-1.toml"


@pytest.mark.parametrize(
    ("healthy_until", "rest", "windows"),
    [
        ({"pump/drive-end": 30, "pump": 20}, 10, 30),
        ({"pump": 20}, 10, 20),
        ({"pump/fan-end": 20}, 10, 10),
        ({"fan": 20}, None, 0),
    ],
)
def test_the_closest_name_says_how_many_windows_are_healthy(
    healthy_until: dict[str, int], rest: int | None, windows: int
) -> None:
    assert Recipe(healthy_until=healthy_until, rest=rest).windows_of(SENSOR) == windows


def test_a_number_holds_for_every_sensor() -> None:
    assert read_recipe(500).windows_of(SENSOR) == 500


def test_the_shipped_recipe_leaves_out_what_is_disputed() -> None:
    recipe = read_recipe(SHIPPED)
    assert recipe.healthy_until["Bearing2_1"] < 121
    assert recipe.healthy_until["Bearing2_2"] < 175
    assert "Nectoux" in recipe.source


def test_the_shipped_bundle_learnt_what_the_shipped_recipe_says() -> None:
    recipe, learnt = read_recipe(SHIPPED), load_bundle().training["healthy_windows"]
    recorded = {name: count for name, count in learnt.items() if not name.startswith("simulated/")}
    assert recorded == {f"{name}/bearing": count for name, count in recipe.healthy_until.items()}


@pytest.mark.parametrize("text", ["healthy_until = 3", "[healthy_until]\nfan = 'all'", "[["])
def test_a_recipe_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(TrainingError, match=r"recipe\.toml: .*expected TOML with a table"):
        read_recipe(path)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"nowhere\.toml"):
        read_recipe(tmp_path / "nowhere.toml")


def test_a_fingerprint_is_size_and_hash(tmp_path: Path) -> None:
    path = tmp_path / "one.npz"
    path.write_bytes(b"samples")
    expected = {"name": "one.npz", "bytes": 7, "sha256": hashlib.sha256(b"samples").hexdigest()}
    assert fingerprint(path) == expected


def test_a_folders_fingerprint_goes_over_its_files_in_order(tmp_path: Path) -> None:
    for name, data in (("b.csv", b"two"), ("a.csv", b"one")):
        (tmp_path / name).write_bytes(data)
    assert fingerprint(tmp_path)["sha256"] == hashlib.sha256(b"onetwo").hexdigest()
