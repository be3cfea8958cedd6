"""Says in our words where data is not as described: which field, what was got, what was expected.

msgspec says it for programmers: "Expected `float` > 0.0 - at `$.rated_rpm`". Its words are a
fixed few, and this is the one place that reads them; what is not among them is told as it is.
"""

from __future__ import annotations

import re
from typing import Final

_PLACED: Final = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<place>[^`]*)`)?", re.DOTALL)
_TIME: Final = "a time with its zone, like 2026-01-31T12:00:00Z"
_EXPECTED: Final = {
    "array": "a list",
    "bool": "true or false",
    "bytes": "raw bytes",
    "datetime": _TIME,
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "a map of fields",
    "str": "text",
}
_GOT: Final = {**_EXPECTED, "float": "a number with a fraction"}
_BOUNDS: Final = {">": "over", ">=": "of at least", "<": "under", "<=": "of at most"}
_SHOWN: Final = 40
_DIGITS: Final = 120
_COUNTED: Final = {"str": "characters", "bytes": "bytes"}


def told(message: str, *, got: str = "", expected: str = "", under: str = "") -> str:
    """Return msgspec's `message` as `field: got ..., expected ...`.

    `got` and `expected` are what is known better than it says; `under` is where the data lies.
    """
    what = _what(message)
    place = under + place_of(message)
    missing = re.fullmatch(r"Object missing required field `(\w+)`", what)
    if missing:
        return f"{'.'.join(filter(None, (place, missing.group(1))))}: is missing"
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", what)
    if unknown:
        return f"{'.'.join(filter(None, (place, unknown.group(1))))}: there is no such field"
    found, wanted = _got_and_expected(what)
    parts = [f"got {got or found}"] if got or found else []
    parts += [f"expected {expected or wanted}"] if expected or wanted else []
    return (f"{place}: " if place else "") + (", ".join(parts) or what)


def place_of(message: str) -> str:
    """Return the place at the end of msgspec's message, such as `axes[0]`; empty where none is."""
    found = _PLACED.fullmatch(message)
    return (found.group("place") or "") if found else ""


def value_at(data: object, place: str) -> str:
    """Show the value at a place of decoded data, bounded; return nothing where it is not plain."""
    value = data
    for key in re.findall(r"[^.\[\]]+", place):
        if isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, str) and len(value) > _SHOWN:
        return f"{len(value)} characters"
    return ascii(value)[:_DIGITS] if isinstance(value, str | int | float) else ""


def _what(message: str) -> str:
    found = _PLACED.fullmatch(message)
    return found.group("what") if found else message


def _got_and_expected(what: str) -> tuple[str, str]:
    """Return both in our words, each empty where msgspec does not say it."""
    if found := re.fullmatch(r"Expected `([\w |]+)`, got `(\w+)`", what):
        return _GOT.get(found.group(2), found.group(2)), _types(found.group(1))
    if found := re.fullmatch(r"Expected `(\w+)` of length (?:([<>=]+) )?(\d+)(?:, got \d+)?", what):
        kind, bound, count = found.groups()
        counted = _COUNTED.get(kind, "items")
        return "", f"{_types(kind)} {_BOUNDS.get(bound, 'of')} {count} {counted}"
    if found := re.fullmatch(r"Expected `([\w |]+)` ([<>]=?) (\S+)", what):
        kind, bound, limit = found.groups()
        return "", f"{_types(kind)} {_BOUNDS[bound]} {limit.removesuffix('.0')}"
    if found := re.fullmatch(r"Invalid enum value (.+)", what, re.DOTALL):
        return found.group(1), ""
    return _OTHERS.get(what, ("", ""))


_OTHERS: Final = {
    "Expected `datetime` with a timezone component": ("a time without a zone", _TIME),
    "Invalid RFC3339 encoded datetime": ("text that is no time", _TIME),
    "Invalid base64 encoded string": ("text that is no base64", "base64"),
}


def _types(names: str) -> str:
    return " or ".join(_EXPECTED.get(name, name) for name in names.split(" | "))
