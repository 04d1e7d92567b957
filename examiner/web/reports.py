"""Reports: a report as a file to keep, made from its plain data."""

import base64
import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from examiner.finding import Detection, Evidence, Finding, Map, Picture, Regions, Strength, Table
from examiner.report.content import Report


class Format(NamedTuple):
    """A form of reports."""

    media_type: str
    module: str | None = None
    """The module that makes it; None for plain data."""
    function: str = ""


FORMATS = {
    "json": Format("application/json"),
    "html": Format("text/html; charset=utf-8", "examiner.report.html", "html_of"),
    "pdf": Format("application/pdf", "examiner.report.pdf", "pdf_of"),
}


def report_file(plain: Mapping[str, Any], form: str) -> bytes:
    """Return the file of a report (`examiner.report.plain.as_dict`) in one of FORMATS."""
    made = FORMATS[form]
    if made.module is None:
        return (json.dumps(plain, indent=1, ensure_ascii=False) + "\n").encode()
    written = getattr(import_module(made.module), made.function)(report_of_plain(plain))
    return written.encode() if isinstance(written, str) else bytes(written)


def report_of_plain(plain: Mapping[str, Any]) -> Report:
    """Return the report that `examiner.report.plain.as_dict` made plain; values of maps keep four decimals."""
    told = {name: value for name, value in plain.items() if name != "schema"}
    width_px, height_px = told["size_px"]
    findings = tuple(_finding(each) for each in told.pop("findings"))
    integrity, preview = _strength(told["integrity"]), base64.b64decode(told["preview"])
    made = {"size_px": (width_px, height_px), "integrity": integrity, "preview": preview}
    return Report(**{**told, **made}, findings=findings)


def _finding(plain: Mapping[str, Any]) -> Finding:
    told = dict(plain)
    strength, evidence = told.pop("strength"), told.pop("evidence")
    return Finding(**told, evidence=tuple(_evidence(each) for each in evidence), strength=_strength(strength))


def _strength(plain: Mapping[str, Any] | None) -> Strength | None:
    if plain is None:
        return None
    return Strength(**{**plain, "detection": tuple(Detection(**each) for each in plain["detection"])})


def _evidence(plain: Mapping[str, Any]) -> Evidence:
    told = dict(plain)
    kind = told.pop("kind")
    if kind == "table":
        rows = tuple(tuple(row) for row in told["rows"])
        return Table(told["title"], tuple(told["header"]), rows)
    if kind == "picture":
        return Picture(told["title"], base64.b64decode(told["data"]), told["caption"])
    if kind == "map":
        values = np.array(told["values"], np.float32)
        x_px, y_px = told["origin_px"]
        return Map(told["title"], values, told["cell_px"], (x_px, y_px), told["caption"])
    sets = tuple(tuple((int(x), int(y), int(wide), int(high)) for x, y, wide, high in each) for each in told["sets"])
    return Regions(told["title"], sets, told["caption"])
