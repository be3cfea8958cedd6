"""Says in one line each what is wrong with settings, and what was probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


def explain(error: ValidationError, root: type[BaseModel], named: str) -> str:
    """Return one line per mistake, each beginning with where it is."""
    lines = sorted({_line(detail, root) for detail in error.errors(include_url=False)})
    return "\n".join(f"{named}: {line}" for line in lines)


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?`, or what there is where nothing is near."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(names)}"


def _line(detail: ErrorDetails, root: type[BaseModel]) -> str:
    place = [str(part) for part in detail["loc"]]
    where = ".".join(place)
    if detail["type"] == "extra_forbidden":
        section = _section(root, place[:-1])
        hint = suggestion(place[-1], section.model_fields) if section else ""
        return f"{where}: unknown setting{hint}"
    if detail["type"] == "missing":
        return f"{where}: is required"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{where}: {message}{_got(detail, place)}" if where else message


def _got(detail: ErrorDetails, place: Sequence[str]) -> str:
    """Show what was given, unless it may be a secret or is a whole table."""
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
