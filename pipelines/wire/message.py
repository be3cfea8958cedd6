"""The fields of both encodings, and what they are called outside."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
import numpy as np

from pipelines.window import DTYPES

VERSION: Final = 1
MSGPACK: Final = "application/msgpack"
JSON: Final = "application/json"
COMMAND_TYPE: Final = "application/vnd.bearingwatch.command+json"
"""Of what is no window; `pipelines.commands` reads it."""
CONTENT_TYPE_HEADER: Final = "content-type"
MAX_JSON_NUMBERS: Final = 4096
"""Samples in a JSON number list; more cost 100 times what base64 costs."""
LITTLE_ENDIAN: Final = {name: np.dtype("<" + name) for name in DTYPES}


class Fields(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What both encodings carry, in the order they are written."""

    version: Literal[1]
    asset: str
    sensor: str
    axes: tuple[str, ...]
    start_ns: int
    sample_rate_hz: float
    unit: Literal["g", "m/s2", "mm/s", "V"]
    dtype: Literal["i2", "i4", "f4"]
    scale: float = 1.0
    rpm: float | None = None
    load: float | None = None
    temperature: float | None = None
    sequence: int | None = None


class Message(Fields, kw_only=True, omit_defaults=True):
    """The MessagePack form: raw bytes."""

    samples: bytes


class JsonMessage(Fields, kw_only=True, omit_defaults=True):
    """The JSON form: base64 or number lists, told apart before they are read."""

    samples: msgspec.Raw
