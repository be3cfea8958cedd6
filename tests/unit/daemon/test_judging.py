"""The model side of the loop: previous bundles, what they are needed for, what a change is."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from daemon.app import build_judging, open_previous
from daemon.cli import cli
from daemon.errors import ExitStatus, StartError
from daemon.judging import Judging, open_model
from daemon.settings import Settings
from daemon.settings_reading import load_settings
from models.judgement import Note, Verdict
from models.policy import ChartPolicy
from models.state import NEW_HOT, Cold, SensorState, with_row
from pipelines.features import FeatureSettings
from pipelines.window import SensorKey
from tests.plant.bundles import write_bundle
from tests.plant.windows import COMMISSIONING, window

OLD_FEATURES = FeatureSettings(bands=20)
SLOW_FEATURES = FeatureSettings(frame_s=0.2)
"""A window of the tests is 0.1 s long: these cannot be had from it."""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    charts = ChartPolicy()
    write_bundle(folder, name="new", charts=charts)
    write_bundle(folder, name="old", charts=charts, features=OLD_FEATURES)
    write_bundle(folder, name="slow", charts=charts, features=SLOW_FEATURES)
    write_bundle(folder, name="retrained", charts=ChartPolicy(anchored_sigmas=6.0))
    return folder


def told(bundles: Path, bundle: str, *previous: str, recommission: bool = False) -> Settings:
    path = bundles / "plant.toml"
    named = ", ".join(f'"{name}"' for name in previous)
    path.write_text(
        '[source]\nkind = "simulator"\n[series]\nkind = "memory"\n[journal]\nkind = "memory"\n'
        f'[model]\nbundle = "{bundle}"\nprevious = [{named}]\n'
        f"recommission = {str(recommission).lower()}\n"
        f"[detector]\ncommissioning_windows = {COMMISSIONING}\ncommissioning_span_s = 0\n"
    )
    return load_settings(path)


def judging(bundles: Path, bundle: str, *previous: str, recommission: bool = False) -> Judging:
    settings = told(bundles, bundle, *previous, recommission=recommission)
    return build_judging(settings, open_model(settings.model.bundle))


def state(features: str, bundle: str = "0123456789abcdef") -> SensorState:
    return with_row(SensorState(NEW_HOT, Cold()), features=features.encode(), bundle=bundle)


HASH = FeatureSettings().hash
OLD_HASH = OLD_FEATURES.hash


def test_states_of_the_same_features_and_new_sensors_need_no_previous_bundle(
    bundles: Path,
) -> None:
    judging(bundles, "new").check_states([state(HASH), SensorState(NEW_HOT, Cold())])


def test_states_of_other_features_are_refused_with_what_to_do(bundles: Path) -> None:
    states = [state(OLD_HASH, "aaaaaaaaaaaaaaaa")] * 3 + [state("feedfeedfeedfeed", "bbbb")]
    with pytest.raises(StartError) as caught:
        judging(bundles, "new").check_states([*states, state(HASH)])
    said = str(caught.value)
    assert caught.value.exit_status is ExitStatus.COULD_NOT_START
    assert f"aaaaaaaaaaaaaaaa (features {OLD_HASH}) of 3 sensors" in said
    assert "bbbb (features feedfeedfeedfeed) of 1 sensor." in said
    assert "model.previous" in said
    assert "model.recommission = true" in said


def test_a_previous_bundle_of_those_features_is_enough_and_is_told_of(bundles: Path) -> None:
    with capture_logs() as lines:
        judging(bundles, "new", "old").check_states([state(OLD_HASH)] * 2 + [state(HASH)])
    assert [(one["event"], one["sensors"]) for one in lines] == [
        ("sensors_judged_by_previous_bundle", 2)
    ]


def test_recommissioning_is_only_done_where_it_is_asked_for(bundles: Path) -> None:
    judging(bundles, "new", recommission=True).check_states([state(OLD_HASH)])


def test_a_bad_previous_bundle_is_refused(bundles: Path) -> None:
    with pytest.raises(StartError, match="not a bundle"):
        open_previous(told(bundles, "new", "nowhere"))


def test_a_sensor_of_a_previous_bundle_is_seen_by_both(bundles: Path) -> None:
    windows = [window(0), window(0, "fan")]
    known = {SensorKey("pump", "drive-end"): state(OLD_HASH)}
    pump, fan = judging(bundles, "new", "old").extract(windows, known)
    assert pump.log_bands.shape[2] == fan.log_bands.shape[2] == FeatureSettings().width
    assert pump.former is not None
    assert pump.former.log_bands.shape[2] == OLD_FEATURES.width
    assert fan.former is None


def test_a_window_too_short_for_the_previous_features_is_seen_by_the_present_alone(
    bundles: Path,
) -> None:
    known = {SensorKey("pump", "drive-end"): state(SLOW_FEATURES.hash)}
    (pump,) = judging(bundles, "new", "slow").extract([window(0)], known)
    assert pump.former is None


def test_real_windows_are_scored_through_a_change_of_bundle_and_back(bundles: Path) -> None:
    states: dict[SensorKey, SensorState] = {}
    verdicts: list[Verdict] = []
    notes: list[Note] = []
    old, new = judging(bundles, "old", "new"), judging(bundles, "new", "old")
    for index in range(4 * COMMISSIONING):
        judge = new if COMMISSIONING + 5 <= index < 3 * COMMISSIONING else old
        judge.check_states(states.values())
        after, (judged,) = judge.judge(states, judge.extract([window(index)], states))
        states |= after
        verdicts.append(judged.verdict)
        notes += judged.notes
    assert verdicts == [Verdict.LEARNT] * COMMISSIONING + [Verdict.SCORED] * 3 * COMMISSIONING
    assert notes.count(Note.HANDED_OVER) == 2


def test_a_basis_says_what_judges(bundles: Path) -> None:
    basis = judging(bundles, "new").basis()
    assert basis == judging(bundles, "new").basis()
    retrained = judging(bundles, "retrained").basis()
    assert basis.bundle != retrained.bundle
    assert basis.features == retrained.features == HASH
    with_previous = judging(bundles, "new", "old").basis()
    assert (basis.bundle, basis.features) == (with_previous.bundle, with_previous.features)
    settings = {
        one.settings
        for one in (
            basis,
            with_previous,
            judging(bundles, "new", recommission=True).basis(),
            judging(bundles, "new").basis(b"rules"),
        )
    }
    assert len(settings) == 4


@pytest.mark.parametrize("wanted", [{"confirm_needed": 4}, {"false_alerts_per_sensor_year": 1.0}])
def test_a_plants_wish_is_another_basis(bundles: Path, wanted: dict[str, float]) -> None:
    settings = told(bundles, "new")
    wish = settings.detector.model_copy(update=wanted)
    model = open_model(settings.model.bundle)
    other = build_judging(settings.model_copy(update={"detector": wish}), model).basis()
    same = build_judging(settings, model).basis()
    assert other.bundle == same.bundle
    assert other.settings != same.settings


@pytest.mark.parametrize(
    ("previous", "status", "said"),
    [
        ("old", 0, "ok: previous bundles old "),
        ("fleet-1", 0, "ok: previous bundles fleet-1 e157806d398a6bc7"),
        ("nowhere", 3, "not a bundle"),
    ],
)
def test_check_loads_the_previous_bundles(
    bundles: Path, previous: str, status: int, said: str
) -> None:
    told(bundles, "new", previous)
    done = CliRunner().invoke(cli, ["check", "-c", str(bundles / "plant.toml")])
    assert done.exit_code == status, done.output
    assert said in done.output


def test_check_says_nothing_of_previous_bundles_where_none_are_given(bundles: Path) -> None:
    told(bundles, "new")
    done = CliRunner().invoke(cli, ["check", "-c", str(bundles / "plant.toml")])
    assert done.exit_code == 0
    assert "previous" not in done.output
