"""What is known of the machines: `assets.toml`, ordered rules on `asset/sensor`.

For each field the first matching rule that sets it wins; labels are merged name by name the same
way. So special rules stand above general ones. `docs/assets.md` describes the file.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import translate
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, get_args

import msgspec

from pipelines import mismatches
from pipelines.bearings import CATALOGUE, find_bearing
from pipelines.fault_orders import BearingGeometry
from pipelines.window import SensorKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_T = TypeVar("_T")
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Cadence = Annotated[float, msgspec.Meta(ge=1e-3, le=1e9)]
MachineGroup = Literal["1-rigid", "1-flexible", "2-rigid", "2-flexible"]
Unit = Literal["g", "m/s2", "mm/s", "V"]

ISO_20816_3: Final = {
    "1-rigid": (4.5, 7.1),
    "1-flexible": (7.1, 11.0),
    "2-rigid": (2.8, 4.5),
    "2-flexible": (4.5, 7.1),
}
"""Zone boundaries B/C and C/D in mm/s RMS, 10-1000 Hz, by machine group and support."""


class AssetsError(ValueError):
    """`assets.toml` is wrong: which rule, what was found, what was expected."""


class AbsoluteLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Levels that hold from the first window.

    `rms_*` are in `unit`, without which there are none, and hold for windows in that unit only;
    `velocity_*` are in mm/s RMS.
    """

    unit: Unit | None = None
    rms_warning: Positive | None = None
    rms_alarm: Positive | None = None
    velocity_warning: Positive | None = None
    velocity_alarm: Positive | None = None


@dataclass(frozen=True, slots=True)
class AssetInfo:
    """What is known of one sensor; None and empty where no rule says."""

    site: str | None = None
    line: str | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    bearing: BearingGeometry | None = None
    rated_rpm: float | None = None
    machine_group: str | None = None
    limits: AbsoluteLimits | None = None
    """Declared, else the ISO 20816-3 limits of the machine group."""
    cadence_s: float | None = None
    peer_group: str | None = None
    """Name of the sensors that should look alike in health."""
    rules: tuple[int, ...] = ()
    """Numbers of the rules that match, from 1."""


class _Geometry(msgspec.Struct, frozen=True):
    rolling_elements: int
    ball_diameter: Positive
    pitch_diameter: Positive
    contact_angle_deg: float = 0.0


class _Rule(msgspec.Struct, frozen=True, kw_only=True):
    match: str
    site: str | None = None
    line: str | None = None
    labels: dict[str, str] = {}
    bearing: str | _Geometry | None = None
    rated_rpm: Positive | None = None
    machine_group: MachineGroup | None = None
    limits: AbsoluteLimits | None = None
    cadence_s: Cadence | None = None
    peer_group: Name | None = None


_TABLES: Final = {"limits": AbsoluteLimits, "bearing": _Geometry}
_CHOICES: Final[Mapping[str, Any]] = {"machine_group": MachineGroup, "limits.unit": Unit}


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A rule ready to be asked."""

    number: int
    pattern: re.Pattern[str]
    rule: _Rule
    bearing: BearingGeometry | None


class Assets:
    """A pure look-up; the default knows nothing."""

    def __init__(self, rules: Sequence[_Compiled] = ()) -> None:
        self._rules = tuple(rules)
        self._cached = lru_cache(maxsize=65_536)(self._resolve)

    def __len__(self) -> int:
        return len(self._rules)

    def lookup(self, asset: str, sensor: str) -> AssetInfo:
        """Return what the rules say of a sensor."""
        return self._cached(f"{asset}/{sensor}")

    def unmatched(self, sensors: Iterable[SensorKey]) -> list[SensorKey]:
        """Return the sensors that no rule matches, in their order."""
        return [key for key in sensors if not self.lookup(*key).rules]

    def idle(self, sensors: Iterable[SensorKey]) -> list[tuple[int, str]]:
        """Return number and pattern of the rules that match none of `sensors`."""
        met = {number for key in sensors for number in self.lookup(*key).rules}
        rules = ((each.number, each.rule.match) for each in self._rules)
        return [(number, match) for number, match in rules if number not in met]

    def _resolve(self, name: str) -> AssetInfo:
        found = [rule for rule in self._rules if rule.pattern.fullmatch(name)]
        rules = [each.rule for each in found]
        group = _first(rule.machine_group for rule in rules)
        return AssetInfo(
            site=_first(rule.site for rule in rules),
            line=_first(rule.line for rule in rules),
            labels=_merged(rule.labels for rule in rules),
            bearing=_first(each.bearing for each in found),
            rated_rpm=_first(rule.rated_rpm for rule in rules),
            machine_group=group,
            limits=_first(rule.limits for rule in rules) or _standard_limits(group),
            cadence_s=_first(rule.cadence_s for rule in rules),
            peer_group=_first(rule.peer_group for rule in rules),
            rules=tuple(each.number for each in found),
        )


def parse(text: str) -> Assets:
    """Return the rules of an `assets.toml`; raises `AssetsError`, a line per faulty rule."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AssetsError(f"assets.toml is no TOML: {error}") from error
    _refuse_unknown(document, ("rule",), "assets.toml")
    rules = document.get("rule", [])
    if not isinstance(rules, list):
        raise AssetsError("assets.toml: write rules as [[rule]], with two brackets")
    compiled, faults = [], []
    for number, rule in enumerate(rules, start=1):
        try:
            compiled.append(_compiled(number, rule))
        except AssetsError as error:
            faults.append(error)
    if faults:
        raise AssetsError("\n".join(map(str, faults))) from faults[0]
    return Assets(compiled)


def _first(values: Iterator[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)


def _merged(labels: Iterator[dict[str, str]]) -> Mapping[str, str]:
    merged: dict[str, str] = {}
    for each in labels:
        merged = each | merged
    return MappingProxyType(merged)


def _standard_limits(group: str | None) -> AbsoluteLimits | None:
    if group is None:
        return None
    warning, alarm = ISO_20816_3[group]
    return AbsoluteLimits(velocity_warning=warning, velocity_alarm=alarm)


def _compiled(number: int, told: object) -> _Compiled:
    if not isinstance(told, dict):
        raise AssetsError(f"rule {number}: expected a table")
    place = f"rule {number} ({told.get('match', 'without match')})"
    _refuse_unknown(told, _Rule.__struct_fields__, place)
    for key, kind in _TABLES.items():
        if isinstance(told.get(key), dict):
            _refuse_unknown(told[key], kind.__struct_fields__, f"{place}, {key}")
    try:
        rule = msgspec.convert(told, _Rule)
    except msgspec.ValidationError as error:
        raise AssetsError(f"{place}: {_misfit(told, str(error))}") from error
    _check_limits(rule.limits, place)
    return _Compiled(number, _pattern(rule.match), rule, _bearing(rule.bearing, place))


def _misfit(rule: dict[str, Any], message: str) -> str:
    place = mismatches.place_of(message)
    allowed = get_args(_CHOICES[place]) if place in _CHOICES else ()
    expected = f"one of {', '.join(allowed)}" if allowed else ""
    return mismatches.told(message, got=mismatches.value_at(rule, place), expected=expected)


def _pattern(match: str) -> re.Pattern[str]:
    """Compile a glob; one without a slash is about assets, and takes all their sensors."""
    return re.compile(translate(match if "/" in match else f"{match}/*"))


def _bearing(told: str | _Geometry | None, place: str) -> BearingGeometry | None:
    if told is None:
        return None
    if isinstance(told, str):
        found = find_bearing(told)
        if found is None:
            known = ", ".join(CATALOGUE)
            near = [name for name in CATALOGUE if told.casefold() in name.casefold()]
            hint = f"did you mean {near[0]!r}? If not, " if len(near) == 1 else ""
            raise AssetsError(
                f"{place}: bearing {told!r} is not in the catalogue ({known}); {hint}give "
                "rolling_elements, ball_diameter, pitch_diameter and contact_angle_deg"
            )
        return found
    try:
        return BearingGeometry(**msgspec.structs.asdict(told))
    except ValueError as error:
        raise AssetsError(f"{place}, bearing: {error}") from error


def _check_limits(limits: AbsoluteLimits | None, place: str) -> None:
    if limits is None:
        return
    if limits.unit is None and (limits.rms_warning or limits.rms_alarm):
        raise AssetsError(
            f"{place}, limits: rms_warning and rms_alarm need their unit, which is never guessed; "
            f"expected unit, one of {', '.join(get_args(Unit))}"
        )
    for kind in ("rms", "velocity"):
        warning, alarm = getattr(limits, f"{kind}_warning"), getattr(limits, f"{kind}_alarm")
        if warning is not None and alarm is not None and warning >= alarm:
            raise AssetsError(
                f"{place}, limits: {kind}_warning {warning} must lie below {kind}_alarm {alarm}"
            )


def _refuse_unknown(table: dict[str, Any], known: Sequence[str], place: str) -> None:
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(known)}"
            raise AssetsError(f"{place}: unknown key {key!r}; {hint}")
