"""The frozen schema and its document."""

import re
from pathlib import Path

import pytest

from daemon.series import schema
from daemon.series.schema import alert_values, loss_values, vibration_values
from tests.contract.builders import event, judgement

DOCUMENT = Path(__file__).parents[4] / "docs" / "influxdb.md"
TYPES = {"float": float, "string": str, "boolean": bool, "integer": int}


def documented(measurement: str) -> dict[str, type]:
    """Return the fields of a measurement's table."""
    section = DOCUMENT.read_text().split(f"## `{measurement}`")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \| (\w+) \|", section, re.M)
    fields: dict[str, type] = {}
    for names, kind in rows:
        for name in expanded(names):
            fields[name] = TYPES[kind]
    return fields


def expanded(names: str) -> list[str]:
    first, *rest = re.findall(r"`(\w+)`", names)
    if not rest:
        return [first]
    return [f"band_{number:02d}" for number in range(16)]


@pytest.mark.parametrize(
    ("measurement", "fields"),
    [
        (schema.LOSSES, schema.LOSS_FIELDS),
        (schema.VIBRATION, schema.VIBRATION_FIELDS),
        (schema.ALERTS, schema.ALERT_FIELDS),
    ],
)
def test_the_document_names_every_field_and_its_type(
    measurement: str, fields: dict[str, type]
) -> None:
    assert documented(measurement) == fields


def test_values_have_the_types_of_their_fields() -> None:
    kinds = list(schema.LOSS_FIELDS.values())
    assert [type(value) for value in loss_values(judgement())] == kinds
    kinds = list(schema.ALERT_FIELDS.values())
    assert [type(value) for value in alert_values(event())] == kinds


def test_a_vibration_point_has_as_many_values_as_fields() -> None:
    ((axis, values),) = vibration_values(judgement())
    assert axis == "x"
    assert len(values) == len(schema.VIBRATION_FIELDS)
