"""The documents say what the code does: a setting, metric or command that is missing fails."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from daemon.errors import ExitStatus
from daemon.evidence import BaselineSpectrum, Evidence
from daemon.series.schema import ALERT_FIELDS, alert_values
from daemon.telemetry.metrics import DEAD_LETTER_REASONS, HEALTH_EVENTS, STAGES
from models.alerts import AlertEvent, Band, Transition, Zone
from models.judgement import Verdict
from tests.unit.daemon import documented

if TYPE_CHECKING:
    import click


def text(name: str) -> str:
    return (documented.ROOT / "docs" / name).read_text("utf-8")


def section(document: str, heading: str) -> str:
    _, found, rest = document.partition(f"\n## {heading}\n")
    assert found, f"no section {heading!r}"
    return rest.split("\n## ")[0]


@pytest.mark.parametrize(("table", "row"), list(documented.setting_rows()))
def test_every_setting_is_documented(table: str, row: str) -> None:
    heading = f"[{table}]" if table else "At the top"
    assert row in section(text("settings.md"), heading).splitlines()


@pytest.mark.parametrize("row", list(documented.metric_rows()))
def test_every_metric_is_documented(row: str) -> None:
    assert row in text("metrics.md").splitlines()


@pytest.mark.parametrize(
    ("path", "command"), list(documented.leaves()), ids=lambda value: str(value)
)
def test_every_command_and_option_is_documented(
    path: tuple[str, ...], command: click.Command
) -> None:
    documented_here = section(text("commands.md"), " ".join(path))
    for parameter in command.params:
        names = parameter.opts if parameter.param_type_name == "option" else []
        assert all(
            f"{name} " in documented_here or f"{name}\n" in documented_here for name in names
        )
    assert documented_here.count("\n") > 5


@pytest.mark.parametrize("block", list(documented.command_blocks()))
def test_help_is_documented_as_people_see_it(block: str) -> None:
    assert block in text("commands.md")


@pytest.mark.parametrize(
    "word",
    [
        *DEAD_LETTER_REASONS,
        *Verdict,
        *HEALTH_EVENTS,
        *STAGES,
        *(f"{status.value} {status.name.lower().replace('_', ' ')}" for status in ExitStatus),
    ],
)
def test_every_word_that_an_operator_meets_is_documented(word: str) -> None:
    assert f"`{word}`" in text("operations.md")


@pytest.mark.parametrize(("event", "level"), sorted(documented.log_events()))
def test_every_event_of_the_log_is_documented_with_its_level(event: str, level: str) -> None:
    assert f"| `{event}` | {level} |" in text("operations.md")


# ---- alert events -----------------------------------------------------------------------------


def rows_of(document: str) -> list[str]:
    """Return the first column of every row of the tables, in order."""
    return re.findall(r"^\| `([a-z_]+)` \|", document, re.MULTILINE)


def test_every_field_of_an_alert_event_is_documented_and_no_other() -> None:
    record = section(text("alerts.md"), "The record")
    fields = [*msgspec.structs.fields(AlertEvent), *msgspec.structs.fields(Band)]
    assert rows_of(record) == [field.name for field in fields]


def test_every_field_of_evidence_is_documented_and_no_other() -> None:
    fields = [*msgspec.structs.fields(Evidence), *msgspec.structs.fields(BaselineSpectrum)]
    assert rows_of(section(text("alerts.md"), "Evidence")) == [field.name for field in fields]


def test_every_transition_of_an_alert_is_documented() -> None:
    assert rows_of(section(text("alerts.md"), "Transitions")) == list(Transition)


def test_the_documented_alert_event_is_one() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", text("alerts.md"), re.DOTALL)
    event = msgspec.json.decode(example, type=AlertEvent)
    assert event.zone is Zone.ALARM
    assert msgspec.json.decode(msgspec.json.encode(event)) == msgspec.json.decode(example)


def test_an_alert_without_a_fault_is_an_empty_string_in_the_series_as_documented() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", text("alerts.md"), re.DOTALL)
    event = msgspec.json.decode(example, type=AlertEvent)
    assert dict(zip(ALERT_FIELDS, alert_values(event), strict=True))["fault"] == ""
    assert "`fault` is null the point's is an empty string" in text("influxdb.md")
