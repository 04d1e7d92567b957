"""Reports: a report as a file to keep, made from its plain data."""

import json
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from examiner.report.reading import report_from


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


def formats() -> list[str]:
    """Return the forms in which this installation makes reports."""
    return [form for form, made in FORMATS.items() if made.module is None or find_spec(made.module) is not None]


def report_file(plain: Mapping[str, Any], form: str) -> bytes:
    """Return the file of a report (`examiner.report.plain.as_dict`) in one of FORMATS."""
    made = FORMATS[form]
    if made.module is None:
        return (json.dumps(plain, indent=1, ensure_ascii=False) + "\n").encode()
    written = getattr(import_module(made.module), made.function)(report_from(plain))
    return written.encode("utf-8", "backslashreplace") if isinstance(written, str) else bytes(written)
