from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from numpy.typing import NDArray

from models.augmentation import AugmentationSettings, augment
from models.calibration import Calibration, calibrate
from models.learning_set import Flat, SensorSequences, TrainingError, folds, normalised, together
from models.loss import reconstruction_loss
from models.networks import NetworkSettings
from models.training import Epoch, TrainingSettings, train
from pipelines.normalise import CLIP, BaselineSummary
from tests.unit.models.fleet import FEATURES, observation

# NumPy 2 warns of Keras' own np.array(variable): TensorFlow's variables take no copy argument.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = TrainingSettings(
    epochs=12,
    epoch_sequences=512,
    batch=32,
    baseline_windows=10,
    calibration_folds=2,
    network=NetworkSettings(hidden=16, code=4),
    augmentation=AugmentationSettings(noise=0.2, wander=0.3, spoiled=0.0),
)
FRAMES, BANDS = 4, 8


def healthy_sensor(name: str, seed: int, windows: int = 120) -> SensorSequences:
    """Return windows whose bands move together, which is what a network can learn."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 2, (windows, 1, 1, 1))
    noise = rng.normal(0, 0.3, (windows, 1, FRAMES, BANDS))
    sequences = (level + noise).astype(np.float32)
    return SensorSequences(
        name, sequences, np.ones((windows, 1, BANDS), bool), np.zeros((1, 2, BANDS), np.float32)
    )


def changed(sensor: SensorSequences) -> NDArray[np.float32]:
    """Return windows of the same power in which neighbouring bands go opposite ways."""
    sequences, _, _ = sensor.flat()
    return sequences * np.where(np.arange(BANDS) % 2, 1, -1).astype(np.float32)


def mean_loss(network: object, sequences: NDArray[np.float32]) -> float:
    reconstruction = network.predict(sequences, verbose=0)  # type: ignore[attr-defined]
    mask = np.ones((len(sequences), BANDS), bool)
    return float(reconstruction_loss(sequences, reconstruction, mask)[0].mean())


@pytest.mark.training
def test_a_network_learns_what_health_is_and_not_the_rest() -> None:
    sensors = [healthy_sensor(f"s{k}", k) for k in range(3)]
    result = train(sensors, BANDS, SMALL)
    unseen = healthy_sensor("unseen", 99)
    healthy, other = (
        mean_loss(result.network, unseen.flat()[0]),
        mean_loss(result.network, changed(unseen)),
    )
    assert healthy < 1.0
    assert other > 3 * healthy


@pytest.mark.training
def test_the_same_seed_gives_the_same_weights() -> None:
    sensors = [healthy_sensor(f"s{k}", k) for k in range(2)]
    quick = replace(SMALL, epochs=2)
    first, second = (train(sensors, BANDS, quick).network.get_weights() for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.training
def test_progress_is_told_for_every_epoch_of_every_network() -> None:
    told: list[Epoch] = []
    sensors = [healthy_sensor(f"s{k}", k) for k in range(2)]
    result = train(sensors, BANDS, replace(SMALL, epochs=2), progress=told.append)
    stages = [epoch.stage for epoch in told]
    assert stages == ["fold 1 of 2"] * 2 + ["fold 2 of 2"] * 2 + ["final"] * 2
    assert result.epochs == tuple(told[-2:])
    assert result.calibration.sensors == 2


@pytest.mark.training
def test_training_ends_early_when_nothing_gets_better() -> None:
    still = replace(SMALL, epochs=50, patience=2, learning_rate=0.0)
    sensors = [healthy_sensor(f"s{k}", k) for k in range(2)]
    assert len(train(sensors, BANDS, still).epochs) == 3


def test_too_few_sensors_are_refused() -> None:
    with pytest.raises(TrainingError, match=r"1 sensors.*at least 2: give more recordings"):
        train([healthy_sensor("only", 0)], BANDS, SMALL)


def test_each_sensor_is_held_out_once() -> None:
    sensors = [healthy_sensor(f"s{k}", k, 12) for k in range(5)]
    held_out = [each.name for _, part in folds(sensors, 2) for each in part]
    assert sorted(held_out) == [sensor.name for sensor in sensors]
    assert all(len(learnt) + len(part) == 5 for learnt, part in folds(sensors, 2))


def test_a_long_record_is_drawn_by_the_root_of_its_length() -> None:
    sensors = [healthy_sensor("long", 0, 400), healthy_sensor("short", 1, 100)]
    _, chance = together(sensors)
    assert chance[:400].sum() == pytest.approx(2 * chance[400:].sum())


def test_a_split_keeps_the_order_of_time() -> None:
    sensor = healthy_sensor("s", 0, 20)
    early, late = sensor.split(0.25)
    assert (len(early), len(late)) == (15, 5)
    np.testing.assert_array_equal(
        np.concatenate([early.sequences, late.sequences]), sensor.sequences
    )


def variants(
    slope: float = 0.0, **changes: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    still = AugmentationSettings(0, 0, noise=0, top_masked=0, spoiled=0, speed=0)
    sequences = np.tile(np.arange(FRAMES, dtype=np.float32)[:, np.newaxis], (200, 1, BANDS))
    return augment(
        Flat(sequences, np.ones((200, BANDS), bool), np.full((200, 2, BANDS), slope, np.float32)),
        settings=replace(still, **changes),  # type: ignore[arg-type]
        spectral_bands=BANDS - 2,
        rng=np.random.default_rng(0),
    )


def test_frames_are_only_reordered() -> None:
    source, target, _ = variants()
    np.testing.assert_array_equal(source, target)
    np.testing.assert_array_equal(np.sort(source[:, :, 0]), np.tile(np.arange(FRAMES), (200, 1)))


def test_noise_is_in_the_input_alone() -> None:
    source, target, _ = variants(noise=0.5)
    assert np.std(source - target) == pytest.approx(0.5, rel=0.05)
    np.testing.assert_array_equal(target, np.round(target))


def test_the_highest_spectral_bands_are_hidden_and_no_others() -> None:
    source, target, mask = variants(top_masked=1.0, most_masked=0.5, noise=0.5)
    assert mask[:, :3].all()
    assert mask[:, -2:].all()
    assert not mask[:, 3:-2].all()
    hidden = ~mask[:, np.newaxis] & np.ones_like(source, bool)
    assert not source[hidden].any()
    assert not target[hidden].any()


def test_louder_spectra_are_in_the_input_alone_and_clipped() -> None:
    source, target, _ = variants(spoiled=1.0, spoiled_most=30.0)
    np.testing.assert_array_equal(target, np.round(target))
    assert (source >= target).all()
    assert source.max() == CLIP


def test_level_wanders_downwards_on_the_whole() -> None:
    _, still, _ = variants()
    _, target, _ = variants(wander=0.5, wander_downwards=0.5)
    assert target.mean() < still.mean() - 0.3


def test_another_speed_moves_what_follows_it_and_a_resonance_what_is_around_one_place() -> None:
    _, still, _ = variants(slope=20.0)
    np.testing.assert_array_equal(still, variants(speed=0.1, resonance=0.1)[1])
    speed = (variants(slope=20.0, speed=0.1)[1] - still)[:, 0]
    np.testing.assert_allclose(speed, np.broadcast_to(speed[:, :1], speed.shape), atol=1e-5)
    assert np.std(speed[:, 0]) == pytest.approx(20.0 * 0.1, rel=0.15)
    resonance = (variants(slope=20.0, resonance=0.1)[1] - still)[:, 0]
    largest = np.abs(resonance).max(axis=1)
    assert 0.5 < np.std(np.abs(resonance).argmax(axis=1)) < BANDS
    assert np.median(np.abs(resonance).min(axis=1) / largest) < 0.2
    assert np.std(resonance[np.arange(200), np.abs(resonance).argmax(axis=1)]) > 1.0


def test_what_is_not_moved_is_drawn_as_ever() -> None:
    """Two epochs in a row: nothing more is drawn for what is not wanted."""
    rng, again = np.random.default_rng(0), np.random.default_rng(0)
    of = Flat(
        np.zeros((10, FRAMES, BANDS), np.float32),
        np.ones((10, BANDS), bool),
        np.zeros((10, 2, BANDS), np.float32),
    )
    still = AugmentationSettings(speed=0.0)
    for settings, own in ((still, rng), (AugmentationSettings(), again)):
        augment(of, settings=settings, spectral_bands=BANDS, rng=own)
    fresh = np.random.default_rng(0)
    augment(of, settings=still, spectral_bands=BANDS, rng=fresh)
    assert rng.random() == fresh.random() != again.random()


def with_rise(rise: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return slopes times scale of windows whose bands lie so much higher: decades an octave."""
    seen = [
        replace(one, log_bands=(one.log_bands + rise).astype(np.float32))
        for one in map(observation, range(30))
    ]
    baseline = reduce(BaselineSummary.add, seen, BaselineSummary.empty()).baseline()
    scale = np.nan_to_num(baseline.scale)
    speed, resonance = normalised("s", seen, 30, FEATURES).slopes[0] * scale
    return speed, resonance


def test_slopes_are_of_octaves_where_bands_follow_speed_or_resonances() -> None:
    edges_hz, high, spectral = FEATURES.edges_hz(), FEATURES.high_bands(), FEATURES.bands
    rise = 3.0 * np.log2(edges_hz).mean(axis=1) + 40.0 * (np.arange(FEATURES.width) >= spectral)
    rise[:spectral] += np.log10(np.diff(np.log2(edges_hz[:spectral]))[:, 0])
    rise[3] = np.nan
    speed, resonance = with_rise(rise)
    expected = np.full(FEATURES.width, 3.0)
    expected[3] = 0.0
    tones = np.where(np.arange(FEATURES.width) < high.start, expected, 0.0)
    tones[spectral:] = 3.0
    np.testing.assert_allclose(speed, tones, atol=0.3)
    np.testing.assert_allclose(resonance[:spectral], expected[:spectral], atol=0.3)
    assert not resonance[spectral:].any()


def test_white_noise_that_moves_up_has_less_in_an_octave_everywhere() -> None:
    edges_hz, spectral = FEATURES.edges_hz(), FEATURES.bands
    white = np.zeros(FEATURES.width)
    white[:spectral] = np.log10(np.diff(edges_hz[:spectral])[:, 0])
    _, resonance = with_rise(white)
    np.testing.assert_allclose(resonance[:spectral], np.log10(2.0), atol=0.12)


def test_calibration_finds_what_losses_were_drawn_with() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(-0.2, 0.15, 50)
    found = calibrate([rng.normal(centre, 0.1, 2000) for centre in centres])
    assert found.mean == pytest.approx(-0.2, abs=0.06)
    assert found.between_sd == pytest.approx(0.15, rel=0.2)
    assert found.within_sd == pytest.approx(0.1, rel=0.05)
    assert found.autocorrelation == pytest.approx(0.0, abs=0.02)
    np.testing.assert_allclose(found.tail, [1.28, 2.33, 3.09], atol=0.12)
    assert (found.sensors, found.windows) == (50, 100_000)


def test_sensors_with_a_few_windows_do_not_calibrate() -> None:
    with pytest.raises(ValueError, match="no sensor has 10 healthy windows"):
        calibrate([np.zeros(9)])


@pytest.mark.parametrize(("correlation", "share"), [(-0.2, 1.0), (0.0, 1.0), (0.5, 1 / 3)])
def test_correlated_windows_are_worth_less(correlation: float, share: float) -> None:
    calibration = Calibration(0.0, 0.1, 0.1, correlation, (1.3, 2.3, 3.1), 6, 1000)
    assert calibration.independent_share() == pytest.approx(share)
