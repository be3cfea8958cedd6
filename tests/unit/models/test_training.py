from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.augmentation import AugmentationSettings, augment
from models.calibration import Calibration, calibrate
from models.learning_set import SensorSequences, TrainingError, folds, together
from models.loss import reconstruction_loss
from models.networks import NetworkSettings
from models.training import Epoch, TrainingSettings, train
from pipelines.normalise import CLIP

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
    return SensorSequences(name, sequences, np.ones((windows, 1, BANDS), bool))


def changed(sensor: SensorSequences) -> NDArray[np.float32]:
    """Return windows of the same power in which neighbouring bands go opposite ways."""
    sequences, _ = sensor.flat()
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
    _, _, chance = together(sensors)
    assert chance[:400].sum() == pytest.approx(2 * chance[400:].sum())


def test_a_split_keeps_the_order_of_time() -> None:
    sensor = healthy_sensor("s", 0, 20)
    early, late = sensor.split(0.25)
    assert (len(early), len(late)) == (15, 5)
    np.testing.assert_array_equal(
        np.concatenate([early.sequences, late.sequences]), sensor.sequences
    )


def variants(
    **changes: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    still = AugmentationSettings(wander=0, wander_downwards=0, noise=0, top_masked=0, spoiled=0)
    sequences = np.tile(np.arange(FRAMES, dtype=np.float32)[:, np.newaxis], (200, 1, BANDS))
    return augment(
        sequences,
        np.ones((200, BANDS), bool),
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
