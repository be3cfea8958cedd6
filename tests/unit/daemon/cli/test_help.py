"""Help that teaches, and what no command takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from daemon.cli import COMMANDS, LazyGroup, cli
from daemon.errors import ExitStatus
from tests.unit.daemon.cli.calling import bearingwatch


def leaves() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        inner = list(command.commands) if isinstance(command, click.Group) else []
        found += [(name, sub) for sub in inner] or [(name,)]
    return found


@pytest.mark.parametrize("path", leaves(), ids=" ".join)
def test_help_shows_an_example(path: tuple[str, ...]) -> None:
    done = bearingwatch(*path, "--help")
    assert done.exit_code == 0
    assert f"bearingwatch {' '.join(path)}" in done.output.split("Options:")[0]


def test_help_lists_every_command() -> None:
    done = bearingwatch("--help")
    assert all(f"  {name} " in done.output for name in COMMANDS)
    assert isinstance(cli, LazyGroup)


def test_an_unknown_command_gets_a_suggestion() -> None:
    done = bearingwatch("scroe")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "Did you mean 'score'?" in done.output


def test_the_version_is_told() -> None:
    assert bearingwatch("--version").output.startswith("bearingwatch ")


def float_options() -> Iterator[click.Parameter]:
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        for param in command.params:
            if isinstance(param.type, click.types.FloatParamType):
                yield param


@pytest.mark.parametrize("param", list(float_options()), ids=lambda param: param.opts[0])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_no_option_takes_what_is_no_finite_number(param: click.Parameter, value: str) -> None:
    with pytest.raises(click.BadParameter):
        param.type.convert(value, param, click.Context(cli))


@pytest.mark.parametrize("name", ["", "a" * 300])
@pytest.mark.parametrize(
    "call", [("simulate",), ("models", "verify"), ("models", "show")], ids=" ".join
)
def test_a_name_that_nothing_can_have_is_refused(call: tuple[str, ...], name: str) -> None:
    done = bearingwatch(*call, name)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert ("File name too long" if name else "the name is empty") in done.stderr


@pytest.mark.parametrize("command", ["demo", "simulate"])
def test_a_negative_seed_is_refused(command: str, tmp_path: Path) -> None:
    out = [str(tmp_path / "fleet")] if command == "simulate" else []
    done = CliRunner().invoke(cli, [command, *out, "--seed", "-1"])
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "Traceback" not in done.output


@pytest.mark.parametrize("call", ["train", "evaluate", "score"])
def test_nothing_is_to_be_written_into_a_file(fleet: Path, tmp_path: Path, call: str) -> None:
    (tmp_path / "file").touch()
    done = bearingwatch(call, fleet, "--out", tmp_path / "file" / "b")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "file is a file, so nothing can lie in it" in done.stderr
