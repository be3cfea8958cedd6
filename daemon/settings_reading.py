"""How settings are read: one TOML file, and environment variables over it.

Paths in the file are relative to the file.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableVariable

from daemon.errors import SettingsError
from daemon.settings import (
    TABLES_OF_KINDS,
    JournalSettings,
    KafkaSettings,
    Settings,
    SqliteSettings,
)
from daemon.settings_errors import PREFIX, Origin, explain, suggestion, variables_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_settings import PydanticBaseSettingsSource

Built = TypeVar("Built", bound=BaseSettings)
Part = TypeVar("Part", bound="_KafkaPart")
_UNNAMED: Final = "no settings file was named: give -c FILE"
PATHS: Final = (
    "assets",
    "sqlite.path",
    "csv.path",
    "model.bundle",
    "model.previous",
    "recordings.paths",
)
"""Settings that are relative to the file when they come from it."""
BUNDLES: Final = ("model.bundle", "model.previous")
"""Those of them that may name a shipped bundle instead."""


class _ChosenVariables(EnvSettingsSource):
    """The environment, less variables of a table that no kind chooses and no file has.

    A shell often has `BEARINGWATCH_INFLUXDB__TOKEN` exported for another run than this one.
    """

    def __init__(self, settings_cls: type[BaseSettings], told: Mapping[str, Any]) -> None:
        super().__init__(settings_cls)
        self._told = told

    def __call__(self) -> dict[str, Any]:
        """Return what variables say."""
        found = super().__call__()
        needed = {self._kind(found, section) for section in ("source", "series", "journal")}
        idle = {table for table in TABLES_OF_KINDS if table not in needed | self._told.keys()}
        return {name: value for name, value in found.items() if name not in idle}

    def _kind(self, found: Mapping[str, Any], section: str) -> str:
        default = Settings.model_fields[section].default.kind
        for told in (found.get(section), self._told.get(section)):
            if isinstance(told, dict) and "kind" in told:
                return str(told["kind"])
        return str(default)


class _Layered(BaseSettings):
    """Arguments, which are what the file holds, and the environment over them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", nested_model_default_partial_update=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file."""
        return _ChosenVariables(settings_cls, init_settings()), init_settings


class _Whole(_Layered, Settings):
    """All settings."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")


class _KafkaPart(_Layered):
    """The Kafka table alone; whatever else file and environment say is not looked at."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    kafka: KafkaSettings = KafkaSettings()


class TopicsPart(_KafkaPart):
    """What says which topics there are."""

    journal: JournalSettings = JournalSettings()


class JournalPart(TopicsPart):
    """What it takes to read what was committed; a reader need not know of stores and tokens."""

    assets: Path | None = None
    sqlite: SqliteSettings | None = None

    @model_validator(mode="after")
    def _keeps_something(self) -> Self:
        if self.journal.kind == "memory":
            raise ValueError("journal.kind is 'memory', which keeps nothing to be read")
        if self.journal.kind == "sqlite" and self.sqlite is None:
            raise ValueError("journal.kind is 'sqlite', so the table [sqlite] is needed")
        return self


def load_settings(path: Path | None = None) -> Settings:
    """Read the file, lay the environment over it and check everything.

    Raises `SettingsError` with one line per mistake.
    """
    told = _read(path) if path else {}
    folder = path.resolve().parent if path else Path.cwd()
    problems = _unknown_variables(os.environ)
    try:
        found = _build(told, folder=folder, origin=_origin(path, told), kind=_Whole)
    except SettingsError as error:
        unnamed = [] if path else [_UNNAMED]
        raise SettingsError("\n".join([*problems, str(error), *unnamed])) from error
    if problems:
        raise SettingsError("\n".join(problems))
    return found


def load_journal_settings(path: Path | None = None) -> JournalPart:
    """Read what is needed to read the journal; raises `SettingsError`."""
    told = _read(path) if path else {}
    folder = path.resolve().parent if path else Path.cwd()
    return _build(told, folder=folder, origin=_origin(path, told), kind=JournalPart)


def load_topics_settings(path: Path | None = None, *, changing: bool = False) -> TopicsPart:
    """Read what `topics` needs; raises `SettingsError`.

    A command that is `changing` something is refused brokers that nothing names.
    """
    if changing:
        _refuse_unnamed_brokers(path)
    return _part(path, TopicsPart)


def load_kafka_settings(
    path: Path | None = None, *, servers: str | None = None, prefix: str | None = None
) -> KafkaSettings:
    """Read what it takes to send; a gateway need not know of stores and tokens.

    `servers` and `prefix` are options of a command, and go before file and environment. Raises
    `SettingsError`, also for brokers that nothing names.
    """
    if servers is None:
        _refuse_unnamed_brokers(path)
    found = _part(path, _KafkaPart).kafka
    options = {
        "--bootstrap-servers": ("bootstrap_servers", servers),
        "--prefix": ("prefix", prefix),
    }
    for option, (name, value) in options.items():
        if value is not None:
            found = _overridden(found, name, value, option)
    return found


def _part(path: Path | None, kind: type[Part]) -> Part:
    """Read the tables that a part has, and look at no other."""
    told = _read(path) if path else {}
    kept = {name: table for name, table in told.items() if name in kind.model_fields}
    try:
        return kind(**kept)
    except (ValidationError, UnreadableVariable) as error:
        raise SettingsError(explain(error, kind, _origin(path, kept))) from error


def _refuse_unnamed_brokers(path: Path | None) -> None:
    """Let no command change what happens to be at the default's address."""
    if variables_of(os.environ, PREFIX).keys() & {("kafka",), ("kafka", "bootstrap_servers")}:
        return
    if path is None:
        raise SettingsError(f"{_UNNAMED}, or name the brokers in {PREFIX}KAFKA__BOOTSTRAP_SERVERS")
    if "kafka" not in _read(path):
        raise SettingsError(f"{path}: names no brokers; add kafka.bootstrap_servers")


def source_kind(path: Path | None = None) -> str:
    """Return what the file names as the source, unchecked: who sends to it need not know more."""
    table = _read(path).get("source", {}) if path else {}
    return str(table.get("kind", "kafka")) if isinstance(table, dict) else "kafka"


def _overridden(kafka: KafkaSettings, name: str, value: str, option: str) -> KafkaSettings:
    try:
        checked = KafkaSettings.model_validate({name: value})
    except ValidationError as error:
        raise SettingsError(
            explain(error, KafkaSettings, Origin(option, names_all=True))
        ) from error
    return kafka.model_copy(update={name: getattr(checked, name)})


def _origin(path: Path | None, told: Mapping[str, Any]) -> Origin:
    return Origin(str(path or "environment"), told, variables_of(os.environ, PREFIX))


def _build(told: dict[str, Any], *, folder: Path, origin: Origin, kind: type[Built]) -> Built:
    beside = folder / "assets.toml"
    if "assets" not in told and beside.is_file():
        told = {**told, "assets": str(beside)}
    try:
        return kind(**_anchored(told, folder))
    except (ValidationError, UnreadableVariable) as error:
        raise SettingsError(explain(error, kind, origin)) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from error


def _anchored(told: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return `told` with its relative paths made relative to `folder`."""
    anchored = dict(told)
    for dotted in PATHS:
        table, _, key = dotted.rpartition(".")
        section = anchored.get(table) if table else anchored
        if not isinstance(section, dict) or key not in section:
            continue
        moved = {**section, key: _moved(section[key], folder, named=dotted in BUNDLES)}
        anchored = {**anchored, table: moved} if table else moved
    return anchored


def _moved(value: Any, folder: Path, *, named: bool) -> Any:
    if isinstance(value, list):
        return [_moved(part, folder, named=named) for part in value]
    if value == "" or "\0" in str(value):
        return value  # is refused as it is
    if named and not (folder / str(value)).exists():
        return value  # the name of a shipped one
    return str(folder / Path(value).expanduser()) if isinstance(value, str) else value


def _unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return a line for each `BEARINGWATCH_TABEL__KEY`.

    Names without `__` may be another program's. (Kubernetes sets
    BEARINGWATCH_PORT and the like for a service named bearingwatch.)
    """
    lines = []
    for name in sorted(environment):
        table, nested, _ = name.removeprefix(PREFIX).partition("__")
        if name.startswith(PREFIX) and nested and table.lower() not in Settings.model_fields:
            hint = suggestion(table.lower(), Settings.model_fields)
            lines.append(f"environment variable {name}: unknown table{hint}")
    return lines
