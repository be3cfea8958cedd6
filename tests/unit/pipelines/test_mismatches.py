"""What msgspec says of data that does not fit, in our words."""

import datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest

from pipelines.mismatches import place_of, told, value_at


class Inner(msgspec.Struct):
    number: Annotated[float, msgspec.Meta(gt=0, le=9.5)] = 1.0


class Data(msgspec.Struct, forbid_unknown_fields=True):
    whole: int = 1
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=3)] = "a"
    pair: Annotated[list[int], msgspec.Meta(min_length=2)] = []
    at: Annotated[datetime.datetime, msgspec.Meta(tz=True)] | None = None
    choice: Literal["a", "b"] = "a"
    flag: bool = False
    inner: Inner | None = None


class Needy(msgspec.Struct):
    inner: "Needy | None"


def message(data: Any, kind: Any = Data) -> str:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(msgspec.json.encode(data), type=kind)
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"whole": "x"}, "whole: got text, expected a whole number"),
        ({"whole": None}, "whole: got nothing, expected a whole number"),
        ({"flag": 1}, "flag: got a whole number, expected true or false"),
        ({"name": ""}, "name: expected text of at least 1 characters"),
        ({"name": "long"}, "name: expected text of at most 3 characters"),
        ({"pair": [1]}, "pair: expected a list of at least 2 items"),
        ({"pair": [1, "x"]}, "pair[1]: got text, expected a whole number"),
        ({"choice": "c"}, "choice: got 'c'"),
        ({"inner": {"number": 0}}, "inner.number: expected a number over 0"),
        ({"inner": {"number": 10}}, "inner.number: expected a number of at most 9.5"),
        ({"inner": 3}, "inner: got a whole number, expected a map of fields or nothing"),
        ({"at": "now"}, "at: got text that is no time, expected a time with its zone, like "),
        ({"at": "2026-01-31T12:00:00"}, "at: got a time without a zone, expected a time with "),
        ([], "got a list, expected a map of fields"),
    ],
)
def test_field_got_and_expected_are_told(data: Any, expected: str) -> None:
    said = told(message(data))
    assert said.startswith(expected)
    assert "`" not in said


def test_a_missing_field_is_told_with_its_place() -> None:
    assert told(message({}, Needy)) == "inner: is missing"
    assert told(message({"inner": {}}, Needy)) == "inner.inner: is missing"


def test_what_is_known_better_is_told_instead() -> None:
    said = told(message({"choice": "c"}), got="'c'", expected="one of a, b")
    assert said == "choice: got 'c', expected one of a, b"


def test_what_is_in_no_known_words_is_told_as_it_is() -> None:
    assert told("JSON is malformed: byte 3") == "JSON is malformed: byte 3"


def test_values_are_found_by_their_place_and_shown_bounded() -> None:
    data = {"a": {"b": [1, "x" * 50]}, "c": "ü"}
    assert value_at(data, "a.b[0]") == "1"
    assert value_at(data, "a.b[1]") == "50 characters"
    assert value_at(data, "c") == "'\\xfc'"
    assert [value_at(data, place) for place in ("a", "a.b[2]", "a.x", "")] == [""] * 4


def test_a_place_is_the_end_of_a_message() -> None:
    assert place_of("Expected `str`, got `int` - at `$.axes[0]`") == "axes[0]"
    assert place_of("Object missing required field `x`") == ""
