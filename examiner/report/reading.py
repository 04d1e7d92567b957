"""Reading: plain data, as `examiner.report.plain.as_dict` and JSON give it → the report that it was made of.

Made by the types of the dataclasses themselves, so a field that is added needs no line here. Refuses (ValueError)
whatever does not have these types: the data may come from a process that has seen a stranger's file.
"""

import base64
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from examiner.finding import Detection, Evidence, Finding, Map, Picture, Regions, Strength, Table
from examiner.report.content import Report
from examiner.report.pictures import is_small_picture

_EVIDENCE: dict[str, type] = {each.__name__.lower(): each for each in get_args(Evidence)}
_DATACLASSES = (Report, Finding, Strength, Detection, Table, Picture, Map, Regions)
_MAP_CELLS_MAX = 4_000_000
_NUMBER_MAX = 1 << 53
"""Largest whole number: JSON has no bound, and what draws a report has."""
_DRAWN_MAX, _RECTANGLES_MAX = 500, 5_000
"""Most pictures, maps and sets of regions of a report, and rectangles of them all: each takes time and room to draw."""


def report_from(plain: Mapping[str, Any]) -> Report:
    """Return the report of plain data; raises ValueError, which names the field, where it is not one."""
    report: Report = _made(Report, plain, "report")
    drawn = [each for finding in report.findings for each in finding.evidence if not isinstance(each, Table)]
    rectangles = sum(len(one) for each in drawn if isinstance(each, Regions) for one in each.sets)
    if len(drawn) > _DRAWN_MAX or rectangles > _RECTANGLES_MAX:
        raise ValueError(f"report has {len(drawn):,} pictures and {rectangles:,} rectangles, more than can be drawn")
    return report


def _made(wanted: Any, value: Any, where: str) -> Any:
    """Return a value of the type `wanted`."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if wanted == Evidence:
        return _evidence(value, where)
    if wanted in _DATACLASSES:
        return _dataclass(wanted, value, where)
    if origin in (Union, types.UnionType):
        rest = [each for each in arguments if each is not type(None)]
        if value is None and len(rest) < len(arguments):
            return None
        if len(rest) == 1:
            return _made(rest[0], value, where)
    elif origin is Literal:
        if value in arguments:
            return value
    elif origin is tuple and isinstance(value, list | tuple):
        return _tuple(arguments, value, where)
    elif origin is np.ndarray:
        return _values(value, where)
    elif wanted is bytes and isinstance(value, str):
        return _picture(value, where)
    elif type(value) is int and abs(value) > _NUMBER_MAX:
        raise ValueError(f"{where} is too large a number")
    elif wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif wanted in (int, str, bool) and type(value) is wanted:
        return value
    raise ValueError(f"{where} is {value!r:.80}, not {getattr(wanted, '__name__', wanted)}")


def _tuple(arguments: tuple[Any, ...], value: Sequence[Any], where: str) -> tuple[Any, ...]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_made(arguments[0], each, f"{where}[{place}]") for place, each in enumerate(value))
    if len(arguments) != len(value):
        raise ValueError(f"{where} has {len(value)} values, not {len(arguments)}")
    pairs = zip(arguments, value, strict=True)
    return tuple(_made(each, one, f"{where}[{place}]") for place, (each, one) in enumerate(pairs))


def _dataclass(wanted: type, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} is {value!r:.80}, not an object")
    named = _types_of(wanted)
    missing = named.keys() - value.keys()
    if missing:
        raise ValueError(f"{where} has no {min(missing)}")
    return wanted(**{name: _made(each, value[name], f"{where}.{name}") for name, each in named.items()})


def _picture(value: str, where: str) -> bytes:
    """Return the bytes of a picture: empty, or a JPEG or PNG of a size that a report shows."""
    try:
        data = base64.b64decode(value, validate=True)
    except ValueError as error:
        raise ValueError(f"{where} is no base64") from error
    if data and not is_small_picture(data):
        raise ValueError(f"{where} is no small JPEG or PNG")
    return data


@cache
def _types_of(wanted: type) -> dict[str, Any]:
    hints = get_type_hints(wanted)
    return {each.name: hints[each.name] for each in fields(wanted)}


def _evidence(value: Any, where: str) -> Any:
    kind = _EVIDENCE.get(value.get("kind", "")) if isinstance(value, Mapping) else None
    if kind is None:
        raise ValueError(f"{where} is no evidence")
    return _dataclass(kind, value, where)


def _values(value: Any, where: str) -> NDArray[np.float32]:
    """Return a map's values, of which null is NaN."""
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        raise ValueError(f"{where} is no list of rows")
    if len({len(row) for row in value}) > 1 or sum(map(len, value)) > _MAP_CELLS_MAX:
        raise ValueError(f"{where} has rows of several lengths, or too many")
    if not all(cell is None or (isinstance(cell, int | float) and abs(cell) <= 1) for row in value for cell in row):
        raise ValueError(f"{where} has values that are no numbers from 0 to 1")
    rows = [[np.nan if cell is None else cell for cell in row] for row in value]
    return np.array(rows, np.float32).reshape(len(rows), -1 if rows and rows[0] else 0)
