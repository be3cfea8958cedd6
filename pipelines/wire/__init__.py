"""Wire format version 1: a window as MessagePack or JSON, and what a valid one is.

`docs/wire-format.md` is the specification. `decode` answers with a `Window` or `InvalidRecord`,
whatever the bytes: sizes are checked before anything is allocated, and no other exception leaves.
`encode` refuses what `decode` would.
"""

from pipelines.wire.limits import DEFAULT_LIMITS, Limits
from pipelines.wire.message import (
    COMMAND_TYPE,
    CONTENT_TYPE_HEADER,
    JSON,
    MAX_JSON_NUMBERS,
    MSGPACK,
    VERSION,
)
from pipelines.wire.reading import decode
from pipelines.wire.refusals import InvalidRecord, Reason
from pipelines.wire.validity import check_axes, check_clock, check_key, check_names
from pipelines.wire.writing import encode, encode_json_numbers, partition_key

__all__ = [
    "COMMAND_TYPE",
    "CONTENT_TYPE_HEADER",
    "DEFAULT_LIMITS",
    "JSON",
    "MAX_JSON_NUMBERS",
    "MSGPACK",
    "VERSION",
    "InvalidRecord",
    "Limits",
    "Reason",
    "check_axes",
    "check_clock",
    "check_key",
    "check_names",
    "decode",
    "encode",
    "encode_json_numbers",
    "partition_key",
]
