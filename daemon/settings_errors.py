"""Says in one line each what is wrong with settings, and what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import BaseModel
from pydantic_settings import SettingsError as UnreadableVariable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


PREFIX: Final = "BEARINGWATCH_"
"""How the names of our environment variables begin."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where settings were told: a file, environment variables over it, or an option."""

    named: str
    """The file, or the option."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """What the file holds."""
    variables: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    """Names of environment variables, by the place of their setting."""
    names_all: bool = False
    """Whether the name alone says which setting it is, as that of an option does."""

    def of(self, place: Sequence[str]) -> str:
        """Return what told the setting at `place`, or should have."""
        for end in range(len(place), 0, -1):
            variable = self.variables.get(tuple(place[:end]))
            whole_table = end == 1 and (len(place) > 1 or self._has_table(place[0]))
            if variable and not (whole_table and self._holds(place)):
                return variable
        below = [name for key, name in self.variables.items() if place and key[0] == place[0]]
        if len(place) == 1 and below:  # a rule of a whole table, of which variables told a part
            return ", ".join(([self.named] if self._holds(place) else []) + below)
        return self.named

    def _has_table(self, name: str) -> bool:
        return isinstance(self.told.get(name), Mapping)

    def _holds(self, place: Sequence[str]) -> bool:
        inner: Any = self.told
        for part in place:
            if not isinstance(inner, Mapping) or part not in inner:
                return False
            inner = inner[part]
        return True


def variables_of(environment: Mapping[str, str], prefix: str) -> dict[tuple[str, ...], str]:
    """Return the environment's variables by the place of the setting that each one tells."""
    ours = [name for name in environment if name.upper().startswith(prefix)]
    return {tuple(name[len(prefix) :].lower().split("__")): name for name in ours}


def explain(
    error: ValidationError | UnreadableVariable, root: type[BaseModel], origin: Origin
) -> str:
    """Return one line per mistake, each beginning with where it is."""
    if isinstance(error, UnreadableVariable):
        return _unreadable(error, origin)
    lines = sorted(
        {line for one in error.errors(include_url=False) for line in _lines(one, root, origin)}
    )
    return "\n".join(lines)


def _unreadable(error: UnreadableVariable, origin: Origin) -> str:
    """Say which variable is no JSON: the library names its field alone."""
    found = re.search(r'field "(\w+)"', str(error))
    below = [v for key, v in origin.variables.items() if found and key[0] == found.group(1)]
    named = ", ".join(below) or origin.named
    return f"{named}: is no JSON, which a variable of a whole table must be: {error.__cause__}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?`, or what there is where nothing is near."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(names)}"


def _lines(detail: ErrorDetails, root: type[BaseModel], origin: Origin) -> list[str]:
    """Return a line for each mistake; a rule of what goes together may tell several."""
    place = [str(part) for part in detail["loc"]]
    mistakes = _mistake(detail, root, [] if origin.names_all else place)
    told = mistakes.splitlines() if detail["type"] == "value_error" else [mistakes]
    return [f"{origin.of(place)}: {mistake}" for mistake in told]


def _mistake(detail: ErrorDetails, root: type[BaseModel], place: Sequence[str]) -> str:
    where = ".".join(place)
    if detail["type"] == "extra_forbidden":
        section = _section(root, place[:-1])
        hint = suggestion(place[-1], section.model_fields) if section else ""
        return f"{where}: unknown setting{hint}"
    if detail["type"] == "missing":
        return f"{where}: is required, in the file or as {PREFIX}{'__'.join(place).upper()}"
    if detail["type"] == "too_short":
        return (f"{where}: " if where else "") + "needs at least one, got none"
    message = detail["msg"].removeprefix("Value error, ")
    return (f"{where}: " if where else "") + message + _got(detail, place)


def _got(detail: ErrorDetails, place: Sequence[str]) -> str:
    """Show what was given, unless told already, it may be a secret or is a whole table."""
    if ", got " in detail["msg"]:
        return ""
    got: Any = detail["input"]
    secret = any("token" in part or "password" in part for part in place)
    return "" if secret or isinstance(got, dict | BaseModel) else f", got {got!r}"


def _section(root: type[BaseModel], place: Sequence[str]) -> type[BaseModel] | None:
    """Follow `place` down the models."""
    section = root
    for part in place:
        field = section.model_fields.get(part)
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            return None
        section = inner
    return section


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
