"""Readers of recordings behind one contract. Here alone `pipelines` opens files, to read them.

Contract
--------
* `open_recording(path, ...)` looks at a file or folder and answers with a `Recording`, without
  reading its samples. It raises `RecordingError` for what is missing, unknown or broken, and for
  what must be declared (a unit, a sample rate) since it is never guessed.
* A `Recording` knows its sensors, and its number of windows where the format tells it. Iterating
  gives `Window`s in the order of their time, lazily, in the stored dtype and scale; it may be
  iterated again. What turns out broken on the way raises `RecordingError` with file and line.
* The same files and declarations give the same windows, times included.
* `discover(paths, declared)` opens several, and looks into folders; `in_time_order` merges them.
"""

from pipelines.recordings.discovery import discover, in_time_order, open_recording
from pipelines.recordings.recording import (
    DEFAULT_START,
    Declared,
    Recording,
    RecordingError,
    declare,
    remedied,
)

__all__ = [
    "DEFAULT_START",
    "Declared",
    "Recording",
    "RecordingError",
    "declare",
    "discover",
    "in_time_order",
    "open_recording",
    "remedied",
]
