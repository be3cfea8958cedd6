"""What the documents must say, made from the code: `python -m tests.unit.daemon.documented`.

Prints the tables for `docs/settings.md`, `docs/metrics.md` and `docs/commands.md`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from daemon.cli import COMMANDS, cli
from daemon.settings import Settings
from daemon.settings_errors import _model_in
from daemon.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[3]
_EVENT = re.compile(r'log\.(info|warning|error|exception)\(\s*"([a-z_]+)"')


def tables() -> dict[str, dict[str, FieldInfo]]:
    """Return the fields by table; the empty name is the top of the file."""
    found: dict[str, dict[str, FieldInfo]] = {"": {}}
    for name, field in Settings.model_fields.items():
        section = _model_in(field.annotation)
        if section is None:
            found[""][name] = field
        else:
            found[name] = dict(section.model_fields)
    return found


def setting_rows() -> Iterator[tuple[str, str]]:
    """Yield table and row of every setting."""
    for table, fields in tables().items():
        for key, field in fields.items():
            meaning = " ".join((field.description or "").split())
            yield table, f"| `{key}` | {default_of(key, field)} | {meaning} |"


def default_of(key: str, field: FieldInfo) -> str:
    """Return a default as one would write it in the file."""
    value: Any = field.default
    if key == "instance":
        return "host name"
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{list(value)}`".replace("'", '"')
    assert not isinstance(value, BaseModel | SecretStr)
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def metric_rows() -> Iterator[str]:
    """Yield a row for every metric."""
    for family in Metrics().registry.collect():
        kind = "info" if family.name.endswith("build") else family.type
        samples = {s.name for s in family.samples if not s.name.endswith("_created")}
        name = f"{family.name}_total" if f"{family.name}_total" in samples else family.name
        name = f"{name}_info" if kind == "info" else name
        labels = {label for s in family.samples for label in s.labels if label != "le"}
        shown = ", ".join(f"`{label}`" for label in sorted(labels)) or "-"
        yield f"| `{name}` | {kind} | {shown} | {family.documentation} |"


def leaves() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command that does something, with its path."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from (((name, sub), inner) for sub, inner in command.commands.items())
        else:
            yield (name,), command


def command_blocks() -> Iterator[str]:
    """Yield the section of every command, its help as people see it."""
    for path, command in leaves():
        context = click.Context(
            command,
            info_name=f"bearingwatch {' '.join(path)}",
            help_option_names=cli.context_settings["help_option_names"],
        )
        context.max_content_width = context.terminal_width = 100
        yield f"## {' '.join(path)}\n\n```\n{command.get_help(context)}\n```\n"


def log_events() -> set[tuple[str, str]]:
    """Return every event that the daemon's code logs, with its level."""
    sources = (ROOT / "daemon").rglob("*.py")
    found = {match for path in sources for match in _EVENT.findall(path.read_text("utf-8"))}
    return {(event, "error" if level == "exception" else level) for level, event in found}


def main() -> None:
    """Print everything."""
    before = None
    for table, row in setting_rows():
        if table != before:
            print(f"\n## [{table}]\n\n| key | default | meaning |\n|---|---|---|")
            before = table
        print(row)
    print("\n| metric | type | labels | meaning |\n|---|---|---|---|", *metric_rows(), sep="\n")
    print("\n", *command_blocks(), sep="\n")


if __name__ == "__main__":
    main()
