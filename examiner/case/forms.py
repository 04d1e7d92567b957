"""Forms: options of the command line that say in which form reports are wanted, and what writes them."""

import argparse
import json
import shutil
import sys
from collections.abc import Iterable, Iterator

from corpus.command_line import plain_console, progress
from corpus.errors import ConfigurationError
from corpus.text import count, escaped
from examiner.case.folder import check_case, make_case
from examiner.report.content import Report
from examiner.report.html import html_of
from examiner.report.plain import WIDTH, as_dict, text_of
from examiner.report.publishing import publish, publishable
from examiner.report.words import OUTCOMES

_FEW_FILES = 3
"""Up to so many files nobody wants to be told how many are done."""


def add_forms(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="print one JSON list instead of text")
    parser.add_argument("--html", metavar="FILE", help="write one photograph's report as a page")
    parser.add_argument("--pdf", metavar="FILE", help="write one photograph's report as a PDF")
    parser.add_argument("--case", metavar="FOLDER", help="make a folder with an index, each report, and a CSV")


def check_forms(arguments: argparse.Namespace, files: int) -> None:
    """Raise ConfigurationError or StageError, before any work, for forms that these files cannot have."""
    if arguments.case:
        if arguments.html or arguments.pdf or arguments.json:
            raise ConfigurationError("--case makes pages and a CSV of its own; give --html, --pdf or --json without it")
        check_case(arguments.case)
    if (arguments.html or arguments.pdf) and files != 1:
        option = "--html" if arguments.html else "--pdf"
        raise ConfigurationError(
            f"{option} writes the report of one photograph, and these are {files:,}; for many, give --case FOLDER"
        )
    for path in filter(None, (arguments.html, arguments.pdf)):
        publishable(path)


def write_forms(reports: Iterable[Report], arguments: argparse.Namespace, files: int) -> int:
    """Print or write the reports of so many files, each when it is made; returns the exit code."""
    if arguments.case:
        return _case(_with_progress(reports, files), arguments.case)
    if arguments.json:
        reports = _with_progress(reports, files)
    width = shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH
    has_failed, separator = False, "["
    for report in reports:
        has_failed |= report.error is not None
        if arguments.html:
            publish(arguments.html, html_of(report).encode("utf-8", "backslashreplace"))
        if arguments.pdf:
            from examiner.report.pdf import pdf_of  # here, since fpdf takes half a second to import

            publish(arguments.pdf, pdf_of(report))
        if arguments.json:
            print(separator, json.dumps(as_dict(report), indent=1, allow_nan=False), sep="\n", flush=True)
        else:
            print("\n".join(text_of(report, width)) + "\n", flush=True)
        separator = ","
    if arguments.json:
        print("]" if separator == "," else "[]")
    return 1 if has_failed else 0


def _case(reports: Iterable[Report], folder: str) -> int:
    counted = make_case(reports, folder)
    said = [f"{count(counted[each], 'photograph')}: {OUTCOMES[each].lower()}" for each in OUTCOMES if counted[each]]
    said += [f"{count(counted[None], 'file')} could not be examined"] if counted[None] else []
    print("\n".join(said))
    leads = f"{folder}/index.html has the contact sheet and leads to each report"
    plain_console(stderr=True).print(escaped(leads), soft_wrap=True)
    return 1 if counted[None] else 0


def _with_progress(reports: Iterable[Report], files: int) -> Iterator[Report]:
    """Yield the reports; where there are many, the terminal shows how many are done and the time left."""
    if files <= _FEW_FILES:
        yield from reports
        return
    with progress(plain_console(stderr=True), "examining", files, "photographs") as advance:
        for report in reports:
            advance(1)
            yield report
