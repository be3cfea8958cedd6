"""A bearing that is damaged when its sensor is commissioned, on a real rig: IMS test 2 from 700."""

from itertools import islice
from pathlib import Path

import pytest

from daemon.machines import Machines
from models.bundle import load_bundle
from models.detector import Detector
from models.engines import open_engine
from models.judgement import Note
from pipelines.assets import parse
from pipelines.features import extract
from pipelines.recordings import open_recording

pytestmark = [pytest.mark.data, pytest.mark.timeout(300)]

KNOWN = '[[rule]]\nmatch = "ims-*"\nbearing = "Rexnord ZA-2115"\nrated_rpm = 2000\n'
SENSORS, FIRST, WINDOWS = 4, 700, 101


@pytest.mark.parametrize(
    ("assets", "suspected"), [(KNOWN, {"bearing1", "bearing4"}), ("", {"bearing1"})]
)
def test_it_is_suspected_and_those_that_are_sound_are_not(
    data_dir: Path, assets: str, suspected: set[str]
) -> None:
    """With geometry bearing 4 is as well: it hears the failing one's line along the shaft."""
    bundle = load_bundle()
    recording = open_recording(data_dir / "ims" / "test2.npz")
    windows = islice(recording, SENSORS * FIRST, SENSORS * (FIRST + WINDOWS))
    observations = extract(list(windows), bundle.features, Machines(parse(assets)).machine)
    _, judged = Detector(bundle, open_engine(bundle)).judge({}, observations)
    notes = {(one.observation.key.sensor, note) for one in judged for note in one.notes}
    assert len([sensor for sensor, note in notes if note is Note.COMMISSIONED]) == SENSORS
    doubted = {sensor for sensor, note in notes if note is Note.COMMISSIONED_WITH_SUSPICION}
    assert doubted == suspected
