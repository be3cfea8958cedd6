"""One small recording of each kind, and what is declared of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.io import wavfile

from pipelines.recordings import Declared

RATE = 1000.0

DECLARED = Declared(sample_rate_hz=RATE, unit="g", window_s=0.1)

SECOND_NS = 1_000_000_000


def noise(rows: int, columns: int) -> NDArray[np.int16]:
    return np.random.default_rng(7).integers(-5000, 5000, (rows, columns)).astype("<i2")


def make_femto_npz(folder: Path, **changes: Any) -> Path:
    arrays = {
        "x": noise(3 * 40, 2).reshape(3, 40, 2),
        "scale_g": 0.001,
        "t_s": np.array([0.0, 10.0, 20.0]),
        "fs_hz": 25_600.0,
        "rpm": 1800.0,
        "load_n": 4000.0,
        "channels": np.array(["horizontal", "vertical"]),
    }
    path = folder / "Bearing1_1.npz"
    told = {name: value for name, value in (arrays | changes).items() if value is not None}
    np.savez_compressed(path, **told)  # type: ignore[arg-type]
    return path


def make_ims_npz(folder: Path) -> Path:
    path = folder / "test2.npz"
    x = noise(2 * 50, 4).reshape(2, 50, 4)
    times = np.array([1_076_581_959.0, 1_076_582_559.0])
    np.savez_compressed(path, x=x, scale=0.001, t_unix=times, fs_hz=20_480.0, rpm=2000.0)
    return path


def write_snapshot(path: Path, rows: NDArray[Any], separator: str) -> None:
    np.savetxt(path, rows, fmt="%g", delimiter=separator)


def make_ims_folder(folder: Path, columns: int = 4) -> Path:
    test = folder / "2nd_test"
    test.mkdir()
    for minute in (32, 42):
        write_snapshot(test / f"2004.02.12.10.{minute}.39", noise(20_480, columns) / 1000, "\t")
    return test


def femto_rows(hour: int, minute: int, second: int) -> NDArray[np.float64]:
    times = np.tile([hour, minute, second, 65_664.0], (2560, 1))
    return np.hstack([times, noise(2560, 2) / 1000])


def make_femto_folder(folder: Path) -> Path:
    bearing = folder / "Bearing2_1"
    bearing.mkdir()
    write_snapshot(bearing / "acc_00001.csv", femto_rows(23, 59, 49), ",")
    write_snapshot(bearing / "acc_00002.csv", femto_rows(23, 59, 59), ";")
    write_snapshot(bearing / "acc_00004.csv", femto_rows(0, 0, 19), ",")
    (bearing / "temp_00001.csv").write_text("23,59,49,0,71.2\n")
    return bearing


def make_csv(folder: Path) -> Path:
    path = folder / "pump 7__drive end.csv"
    np.savetxt(path, noise(250, 2), fmt="%d", delimiter=",", header="radial,axial", comments="")
    return path


def make_bare_csv(folder: Path) -> Path:
    path = folder / "bare.txt"
    np.savetxt(path, noise(250, 1), fmt="%d")
    return path


def make_wav(folder: Path) -> Path:
    path = folder / "fan.wav"
    wavfile.write(path, int(RATE), noise(250, 2))
    return path


def make_parquet(folder: Path) -> Path:
    path = folder / "gear.parquet"
    data = noise(250, 2)
    pq.write_table(pa.table({"x": data[:, 0], "y": data[:, 1]}), path, row_group_size=70)
    return path


KINDS: dict[str, Callable[[Path], Path]] = {
    "femto npz": make_femto_npz,
    "ims npz": make_ims_npz,
    "ims folder": make_ims_folder,
    "femto folder": make_femto_folder,
    "csv": make_csv,
    "bare csv": make_bare_csv,
    "wav": make_wav,
    "parquet": make_parquet,
}


def spoil(path: Path, line: int, text: str) -> None:
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines) + "\n")
