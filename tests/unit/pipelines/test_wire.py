"""Wire format version 1: what is written is read, and nothing but `InvalidRecord` is raised."""

import json
import re
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.bundle import load_bundle
from pipelines import features, wire
from pipelines.dead_letters import DETAIL_CHARACTERS
from pipelines.features import FeatureSettings
from pipelines.window import Window
from pipelines.wire import InvalidRecord, Reason

SPECIFICATION = Path(__file__).parents[3] / "docs" / "wire-format.md"
SECOND_NS = 1_000_000_000


def build_window(**changes: Any) -> Window:
    window = Window(
        asset="Pump 7",
        sensor="drive end",
        axes=("radial",),
        start_ns=1_764_012_345_678_900_000,
        sample_rate_hz=25_600.0,
        unit="g",
        samples=np.array([[0, 1000, -1000, 500, -500, 32767, -32768, 12]], "<i2"),
        scale=0.001,
        rpm=1480.0,
        sequence=42,
    )
    return replace(window, **changes)


def fields(**changes: Any) -> dict[str, Any]:
    """Return the example as a map, with fields changed, or dropped where `...` is given."""
    told = msgspec.msgpack.decode(wire.encode(build_window())) | changes
    return {name: value for name, value in told.items() if value is not ...}


def packed(**changes: Any) -> bytes:
    return msgspec.msgpack.encode(fields(**changes))


def wire_f4(*numbers: float, axes: Sequence[str] = ("radial",)) -> bytes:
    return packed(dtype="f4", samples=np.array(numbers, "<f4").tobytes(), axes=list(axes))


def as_json(**changes: Any) -> bytes:
    told = fields(**{"samples": "AADoAxj89AEM/v9/AIAMAA==", **changes})
    return json.dumps(told).encode()


def refusal(value: bytes | None, **options: Any) -> Reason:
    with pytest.raises(InvalidRecord) as caught:
        wire.decode(value, **options)
    assert caught.value.detail
    assert len(caught.value.detail) < 500
    return caught.value.reason


def assert_same(left: Window, right: Window) -> None:
    np.testing.assert_array_equal(left.samples, right.samples)
    assert left.samples.dtype == right.samples.dtype
    plain = np.zeros((1, 1))
    assert replace(left, samples=plain) == replace(right, samples=plain)


def documented(language: str) -> str:
    block = re.search(rf"```{language}\n(.*?)```", SPECIFICATION.read_text("utf-8"), re.DOTALL)
    assert block is not None
    return block.group(1)


def documented_bytes() -> bytes:
    lines = documented("hex").splitlines()
    return bytes.fromhex("".join(line.partition("#")[0] for line in lines))


# ---- the specification -----------------------------------------------------------------------


def test_the_documented_bytes_are_the_documented_window() -> None:
    assert_same(wire.decode(documented_bytes(), key=b"Pump 7"), build_window())


def test_the_documented_bytes_are_what_the_encoder_writes() -> None:
    assert wire.encode(build_window()) == documented_bytes()


def test_the_documented_json_is_what_the_encoder_writes() -> None:
    text = documented("json").strip().encode()
    assert wire.encode(build_window(), wire.JSON) == text
    assert_same(wire.decode(text), build_window())


def documented_producer() -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "example"}
    exec(documented("python"), names)  # noqa: S102 (our own page)
    return names


def test_the_documented_producer_sends_what_can_be_judged() -> None:
    example = documented_producer()
    value = example["window"](1, example["read_sensor"]())
    window = wire.decode(value, content_type=wire.MSGPACK, key=b"Pump 7")
    features.check(window, FeatureSettings())
    assert window.duration_s == 1.0


def test_the_documented_shortest_window_is_the_shortest() -> None:
    shipped = load_bundle().features
    least = build_window(samples=np.ones((1, 640), "<i2"))
    features.check(least, shipped)
    with pytest.raises(features.TooShort):
        features.check(replace(least, samples=least.samples[:, 1:]), shipped)
    with pytest.raises(features.TooSlow):
        features.check(replace(least, sample_rate_hz=639.9), shipped)
    said = "At least 25 ms, and sampled at 640 Hz or more**: 640 samples an axis at 25.6 kHz"
    assert said in SPECIFICATION.read_text("utf-8")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_documented(reason: Reason) -> None:
    assert f"`{reason}`" in SPECIFICATION.read_text("utf-8")


# ---- round trip ------------------------------------------------------------------------------

NAMES = st.from_regex(r"[\w.:\-]([\w.:\- ]{0,30}[\w.:\-])?", fullmatch=True)
NUMBERS = st.none() | st.floats(-1e9, 1e9)


@st.composite
def samples(draw: st.DrawFn, axes: int) -> NDArray[Any]:
    dtype = np.dtype("<" + draw(st.sampled_from(("i2", "i4", "f4"))))
    count = draw(st.integers(1, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    noise = np.random.default_rng(seed).normal(scale=9000, size=(axes, count))
    return noise.clip(-32768, 32767).astype(dtype)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    axes = draw(st.lists(st.sampled_from("xyzabc"), min_size=1, max_size=6, unique=True))
    return Window(
        asset=draw(NAMES),
        sensor=draw(NAMES),
        axes=tuple(axes),
        start_ns=draw(st.integers(0, 2**63 - 1)),
        sample_rate_hz=draw(st.floats(1.0, 1e6)),
        unit=draw(st.sampled_from(("g", "m/s2", "mm/s", "V"))),
        samples=draw(samples(len(axes))),
        scale=draw(st.floats(1e-12, 1e3)),
        rpm=draw(NUMBERS),
        load=draw(NUMBERS),
        temperature=draw(NUMBERS),
        sequence=draw(st.none() | st.integers(0, 2**63 - 1)),
    )


@given(windows(), st.sampled_from((wire.MSGPACK, wire.JSON)))
@settings(max_examples=80, deadline=None)
def test_what_is_encoded_is_decoded(window: Window, content_type: str) -> None:
    value = wire.encode(window, content_type)
    key = wire.partition_key(window)
    assert_same(wire.decode(value, content_type=content_type, key=key), window)
    assert_same(wire.decode(value), window)


@given(windows())
@settings(max_examples=40, deadline=None)
def test_json_numbers_are_read_like_base64(window: Window) -> None:
    assert_same(wire.decode(wire.encode_json_numbers(window)), window)


def test_other_byte_orders_and_layouts_are_written_little_endian() -> None:
    big = np.asfortranarray(np.arange(12).reshape(2, 6).astype(">i4"))
    window = build_window(samples=big, axes=("x", "y"))
    np.testing.assert_array_equal(wire.decode(wire.encode(window)).samples, big)


# ---- never another exception -----------------------------------------------------------------


def survive(value: bytes, content_type: str | None) -> None:
    try:
        window = wire.decode(value, content_type=content_type)
    except InvalidRecord:
        return
    assert np.isfinite(window.signal()).all()


ENCODED = {
    wire.MSGPACK: packed(),
    wire.JSON: as_json(),
    "f4": wire.encode(build_window(samples=np.ones((1, 4), "<f4"))),
    "numbers": wire.encode_json_numbers(build_window()),
}


@given(st.sampled_from(sorted(ENCODED)), st.data())
@settings(max_examples=400, deadline=None)
def test_a_flipped_byte_gives_a_window_or_a_refusal(name: str, data: st.DataObject) -> None:
    value = bytearray(ENCODED[name])
    value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
    survive(bytes(value), None)


@pytest.mark.parametrize("name", sorted(ENCODED))
def test_every_truncation_is_refused(name: str) -> None:
    value = ENCODED[name]
    for length in range(len(value)):
        refusal(value[:length])


@given(st.binary(max_size=200), st.sampled_from((None, wire.MSGPACK, wire.JSON)))
def test_noise_is_refused(value: bytes, content_type: str | None) -> None:
    survive(value, content_type)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x81\xa1q" + b"\x91" * 800_000, Reason.NOT_MSGPACK),
        (b'{"q":' + b"[" * 800_000, Reason.NOT_JSON),
    ],
    ids=["msgpack", "json"],
)
def test_deep_nesting_is_refused(value: bytes, reason: Reason) -> None:
    assert refusal(value) is reason


@pytest.mark.parametrize("field", ["samples", "axes", "asset", "unknown"])
@pytest.mark.parametrize("marker", [0xC6, 0xDB, 0xDD, 0xDF], ids=["bin", "str", "array", "map"])
def test_two_announced_gibibytes_are_refused_without_being_allocated(
    field: str, marker: int
) -> None:
    head = b"\x81" + msgspec.msgpack.encode(field) + bytes([marker, 0x7F, 0xFF, 0xFF, 0xFF])
    tracemalloc.start()
    try:
        assert refusal(head + b"\0" * 100) in {
            Reason.TRUNCATED, Reason.BAD_FIELD, Reason.BAD_AXES, Reason.BAD_IDENTIFIER,
            Reason.NOT_MSGPACK,
        }  # fmt: skip
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


# ---- each rule -------------------------------------------------------------------------------

REFUSED = [
    (None, Reason.EMPTY),
    (b"", Reason.EMPTY),
    (b"\0" * 900_001, Reason.TOO_LARGE),
    (b"\xc1", Reason.NOT_MSGPACK),
    (b"{version", Reason.NOT_JSON),
    (packed()[:-3], Reason.TRUNCATED),
    (packed(samples=b"\0" * 7), Reason.TRUNCATED),
    (packed(samples=b""), Reason.BAD_COUNT),
    (packed(samples="AAAA"), Reason.BAD_FIELD),
    (packed(samples=...), Reason.BAD_FIELD),
    (packed(version=2, samples=[1, 2]), Reason.WRONG_VERSION),
    (packed(version=...), Reason.WRONG_VERSION),
    (packed(version="x" * 100_000), Reason.WRONG_VERSION),
    (packed(asset="pump\x1b[2J"), Reason.BAD_IDENTIFIER),
    (packed(asset="pump/7"), Reason.BAD_IDENTIFIER),
    (packed(asset=" pump"), Reason.BAD_IDENTIFIER),
    (packed(asset="pump\n"), Reason.BAD_IDENTIFIER),
    (packed(asset=""), Reason.BAD_IDENTIFIER),
    (packed(asset="p" * 65), Reason.BAD_IDENTIFIER),
    (packed(asset=7), Reason.BAD_IDENTIFIER),
    (packed(sensor="\u202edne"), Reason.BAD_IDENTIFIER),
    (packed(sensor="de\0"), Reason.BAD_IDENTIFIER),
    (packed(axes=[]), Reason.BAD_AXES),
    (packed(axes="radial"), Reason.BAD_AXES),
    (packed(axes=["x", "x"]), Reason.BAD_AXES),
    (packed(axes=["x y"]), Reason.BAD_AXES),
    (packed(axes=[str(axis) for axis in range(9)]), Reason.BAD_AXES),
    (packed(sample_rate_hz=0), Reason.BAD_RATE),
    (packed(sample_rate_hz=float("nan")), Reason.BAD_RATE),
    (packed(sample_rate_hz=-1.0), Reason.BAD_RATE),
    (packed(sample_rate_hz="fast"), Reason.BAD_RATE),
    (packed(unit="ips"), Reason.BAD_UNIT),
    (packed(dtype="f8"), Reason.BAD_DTYPE),
    (packed(dtype="x" * 10_000), Reason.BAD_DTYPE),
    (packed(scale=float("inf")), Reason.NON_FINITE),
    (packed(scale=0.0), Reason.BAD_FIELD),
    (packed(rpm=float("nan")), Reason.NON_FINITE),
    (packed(temperature=1e12), Reason.BAD_FIELD),
    (packed(start_ns=-1), Reason.BAD_FIELD),
    (packed(start_ns=2**63), Reason.BAD_FIELD),
    (packed(start_ns=1.5), Reason.BAD_FIELD),
    (packed(sequence=-1), Reason.BAD_FIELD),
    (packed(dtype="f4", samples=b"\0\0\xc0\x7f"), Reason.NON_FINITE),
    (packed(dtype="f4", samples=b"\0\0\x80\xff"), Reason.NON_FINITE),
    (packed(dtype="f4", samples=np.float32(1e30).tobytes()), Reason.BAD_FIELD),
    (as_json(samples="no base64!"), Reason.BAD_FIELD),
    (as_json(samples={"x": [1]}), Reason.BAD_FIELD),
    (as_json(samples=[[1, 40_000]]), Reason.BAD_FIELD),
    (as_json(samples=[[1, 2**200]]), Reason.BAD_FIELD),
    (as_json(samples=[[1, 1.5]]), Reason.BAD_FIELD),
    (as_json(samples=[[1], [2]]), Reason.TRUNCATED),
    (as_json(samples=[[]]), Reason.BAD_COUNT),
    (as_json(samples=[[1] * 4097]), Reason.BAD_COUNT),
    (as_json(version=3), Reason.WRONG_VERSION),
]


@pytest.mark.parametrize(("value", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_a_broken_rule_is_refused_under_its_reason(value: bytes | None, reason: Reason) -> None:
    assert refusal(value) is reason


@pytest.mark.parametrize("name", ["Pumpe Süd 2", "ポンプ-7", "10LAC11.AP001", "a"])
def test_names_of_any_script_are_allowed(name: str) -> None:
    assert wire.decode(packed(asset=name), key=name.encode()).asset == name


def test_a_sensor_may_hold_a_slash() -> None:
    assert wire.decode(packed(sensor="gear/stage 2")).sensor == "gear/stage 2"


def test_a_key_that_names_another_asset_is_refused() -> None:
    assert refusal(packed(), key=b"Pump 8") is Reason.KEY_MISMATCH


EXTENSION = msgspec.msgpack.Ext(5, b"abc")


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (
            packed()[:-3],
            f"the {len(packed()) - 3} bytes end before the window does; send the value",
        ),
        (as_json()[:-3], f"the {len(as_json()) - 3} bytes end before the window does; send the"),
        (packed(unit="furlong"), "unit: got 'furlong', expected one of g, m/s2, mm/s, V"),
        (as_json(unit="x" * 500), ", expected one of g, m/s2, mm/s, V"),
        (packed(dtype="f8"), "dtype: got 'f8', expected one of i2, i4, f4"),
        (packed(rpm=-2e9), "rpm is -2000000000.0, at most 1e+09"),
        (
            packed(asset="ü/x"),
            "asset 'ü/x' has '/': expected 1-64 letters, digits, ._:- and spaces",
        ),
        (packed(asset="u\u0308"), "has '\\u0308': expected 1-64 letters"),
        (packed(sensor=" de"), "sensor ' de': expected 1-64 letters, digits, ._:-/ and spaces bet"),
        (
            wire_f4(0.0, np.nan, np.inf, axes=["x", "y", "z"]),
            "2 of 3 samples are bad, the first number 0 of axis 'y': nan, expected finite numbers",
        ),
        (
            wire_f4(0.0, 0.0, -np.inf, -2e9),
            "1 of 4 samples are bad, the first number 2 of axis 'radial': -inf",
        ),
        (wire_f4(0.0, -2e9), "number 1 of axis 'radial': -2e+09, allowed are -1e+09 to 1e+09"),
        (
            as_json(samples=[[1, 40_000]]),
            "number 1 of axis 'radial': 40000, which does not fit dtype i2: -32768 to 32767",
        ),
        (msgspec.msgpack.encode([1, 2]), "no window at all: got a list, expected a map of fields"),
        (msgspec.msgpack.encode("hello"), "no window at all: got text, expected a map of fields"),
        (packed(start_ns=1.5), "start_ns: got a number with a fraction, expected a whole number"),
        (packed(axes=["x", 1]), "axes[1]: got a whole number, expected text"),
        (packed(rpm="fast"), "rpm: got text, expected a number or nothing"),
        (as_json(samples=[["a"]]), "samples[0][0]: got text, expected a whole number"),
        (as_json(samples="??"), "samples: got text that is no base64, expected base64"),
        (
            b"[1, 2]",
            "only what begins with a brace or white space is taken for JSON, and this begins with "
            "0x5b",
        ),
    ],
)
def test_a_detail_says_what_was_found_and_what_was_expected(value: bytes, detail: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        wire.decode(value)
    assert detail in caught.value.detail
    assert len(caught.value.detail) <= DETAIL_CHARACTERS


def test_another_value_than_an_object_is_no_window_in_json_either() -> None:
    with pytest.raises(InvalidRecord, match="no window at all: got a list, expected a map"):
        wire.decode(b"[1, 2]", content_type=wire.JSON)


@pytest.mark.parametrize(
    ("version", "found"),
    [
        (EXTENSION, "version extension type 5 of 3 bytes, expected 1"),
        ([EXTENSION], "version an array of 1, expected 1"),
        ({"x": EXTENSION}, "version a map of 1, expected 1"),
        ("2", "version '2', expected 1"),
    ],
)
def test_a_detail_is_a_function_of_the_record(version: object, found: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        wire.decode(packed(version=version))
    assert caught.value.detail == found


@pytest.mark.parametrize(
    ("value", "asset", "sensor"),
    [
        (packed(samples=b""), "Pump 7", "drive end"),
        (packed(unit="ips"), "Pump 7", "drive end"),
        (packed(version=2, sensor=3), "Pump 7", None),
        (
            packed(asset="a\x1b[2J" + "b" * 1000),
            "a\N{REPLACEMENT CHARACTER}[2J" + "b" * 59,
            "drive end",
        ),
        (b"\xc1", None, None),
        (packed()[:-3], None, None),
    ],
)
def test_a_refusal_says_whose_record_it_is_as_far_as_it_says_so(
    value: bytes, asset: str | None, sensor: str | None
) -> None:
    with pytest.raises(InvalidRecord) as caught:
        wire.decode(value)
    assert (caught.value.asset, caught.value.sensor) == (asset, sensor)


def test_a_key_is_the_assets_name() -> None:
    wire.check_key("Pumpe Süd".encode(), "Pumpe Süd")
    with pytest.raises(InvalidRecord, match=r"no key, expected 'NK'; key each record by its asset"):
        wire.check_key(None, "NK")
    with pytest.raises(InvalidRecord, match=r"key 'nk', expected 'NK'; key each"):
        wire.check_key(b"nk", "NK")
    with pytest.raises(InvalidRecord, match=r"key_mismatch: key '.*xff', expected 'NK'"):
        wire.check_key(b"\xff", "NK")


def test_the_header_decides_before_the_first_byte() -> None:
    assert refusal(packed(), content_type=wire.JSON) is Reason.NOT_JSON
    assert refusal(as_json(), content_type=wire.MSGPACK) is not None
    assert refusal(packed(), content_type="text/plain") is Reason.UNKNOWN_CONTENT_TYPE
    assert wire.decode(as_json(), content_type="Application/JSON; charset=utf-8").asset == "Pump 7"


def test_unknown_fields_are_ignored() -> None:
    assert_same(wire.decode(packed(firmware="2.1")), build_window())


def test_limits_are_settings() -> None:
    limits = wire.Limits(max_bytes=100)
    assert refusal(packed(), limits=limits) is Reason.TOO_LARGE


def test_a_record_of_the_limit_itself_is_read() -> None:
    value = packed()
    assert wire.decode(value, limits=wire.Limits(max_bytes=len(value))).asset == "Pump 7"
    assert refusal(value, limits=wire.Limits(max_bytes=len(value) - 1)) is Reason.TOO_LARGE


def test_a_window_may_start_ten_minutes_after_its_record() -> None:
    wire.check_clock(build_window(start_ns=600 * SECOND_NS), 0)
    with pytest.raises(InvalidRecord, match="clock_ahead"):
        wire.check_clock(build_window(start_ns=601 * SECOND_NS), 0)


# ---- the encoder refuses what the decoder would ----------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"asset": "a/b"}, Reason.BAD_IDENTIFIER),
        ({"unit": "ips"}, Reason.BAD_UNIT),
        ({"samples": np.zeros((1, 4))}, Reason.BAD_DTYPE),
        ({"samples": np.zeros((2, 4), "<i2")}, Reason.BAD_AXES),
        ({"samples": np.zeros((1, 0), "<i2")}, Reason.BAD_COUNT),
        ({"samples": np.full((1, 4), np.nan, "<f4")}, Reason.NON_FINITE),
        ({"samples": np.zeros((1, 450_000), "<i2")}, Reason.TOO_LARGE),
        ({"start_ns": 2**70}, Reason.BAD_FIELD),
    ],
)
def test_an_invalid_window_is_not_encoded(changes: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(InvalidRecord) as caught:
        wire.encode(build_window(**changes))
    assert caught.value.reason is reason


def test_long_number_lists_are_not_encoded() -> None:
    with pytest.raises(InvalidRecord, match="base64"):
        wire.encode_json_numbers(build_window(samples=np.zeros((1, 4097), "<i2")))


def test_an_unknown_content_type_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="text/plain"):
        wire.encode(build_window(), "text/plain")


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode])
def test_a_command_without_its_header_is_told_which_one_makes_it_one(
    encode: Callable[[object], bytes],
) -> None:
    command = {"version": 1, "command": "forget", "asset": "pump", "who": "ann"}
    with pytest.raises(InvalidRecord) as caught:
        wire.decode(encode(command))
    assert caught.value.reason is Reason.BAD_FIELD
    assert caught.value.asset == "pump"
    assert f"with the header content-type: {wire.COMMAND_TYPE}" in caught.value.detail
