"""Examine: says of photographs what their bytes and pixels show: what they are, claim, and went through.

`shutterprint examine PHOTO…`, `python -m examiner PHOTO…`. A file that cannot be examined gets a sentence with the
reason, and the exit code is 1.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence

from corpus.command_line import command_parser, configuration_of, exit_with, plain_console, progress
from corpus.errors import ConfigurationError
from corpus.text import count
from examiner.case.folder import check_case, make_case
from examiner.examination import examine
from examiner.knowledge import read_corpus, read_run
from examiner.report.content import Report
from examiner.report.html import html_of
from examiner.report.pdf import pdf_of
from examiner.report.plain import WIDTH, as_dict, text_of
from examiner.report.publishing import publish
from examiner.report.words import OUTCOMES
from train.prediction.finding import Found, find_photos
from train.prediction.reading import read_file

_DESCRIPTION = """Say what photographs show: what a file is, what it claims, what was done to it, which camera took it.

Nothing but the file is needed. With --generation its claims are compared with the photographs of a data set, and with
--run a trained network says which camera took it. Every finding says how many genuine photographs show the same.

Exit codes: 0 every file was examined (whatever was found), 1 some could not be examined, 2 nothing could be done."""
_FEW_FILES = 3
"""Up to so many files nobody wants to be told how many are done."""


def main() -> int:
    """Run the command line; returns the exit code."""
    arguments = _parser().parse_args()
    configuration = configuration_of(arguments)
    files = find_photos(arguments.photos).files
    _check(arguments, files)
    store, catalogue = configuration.store, configuration.whole_catalogue
    corpus = read_corpus(store, arguments.generation, catalogue) if arguments.generation else None
    run = read_run(store, arguments.run, catalogue) if arguments.run else None
    reports = (
        _examined(found)
        or examine(read_file(found.path), corpus=corpus, run=run, name=found.path, private=arguments.private)
        for found in files
    )
    shown = _with_progress(reports, len(files)) if arguments.case or arguments.json else reports
    if arguments.case:
        return _case(shown, arguments.case)
    return _forms(shown, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("python -m examiner", _DESCRIPTION)
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help="files, folders, or patterns in quotes")
    parser.add_argument("--generation", metavar="NAME", help="a generation of the data set, or `latest`")
    parser.add_argument("--run", metavar="RUN", help="a run's name, `latest`, or a model handed on (model.zip)")
    parser.add_argument("--private", action="store_true", help="show places, serial numbers and names of people")
    parser.add_argument("--json", action="store_true", help="print one JSON list instead of text")
    parser.add_argument("--html", metavar="FILE", help="write one photograph's report as a page")
    parser.add_argument("--pdf", metavar="FILE", help="write one photograph's report as a PDF")
    parser.add_argument("--case", metavar="FOLDER", help="make a folder with an index, each report, and a CSV")
    return parser


def _check(arguments: argparse.Namespace, files: Sequence[Found]) -> None:
    """Raise ConfigurationError, before any work, for forms that do not go together."""
    if arguments.case:
        if arguments.html or arguments.pdf or arguments.json:
            raise ConfigurationError("--case makes pages and a CSV of its own; give --html, --pdf or --json without it")
        check_case(arguments.case)
    if (arguments.html or arguments.pdf) and len(files) != 1:
        option = "--html" if arguments.html else "--pdf"
        raise ConfigurationError(
            f"{option} writes the report of one photograph, and these are {len(files):,}; for many, give --case FOLDER"
        )


def _case(reports: Iterator[Report], folder: str) -> int:
    counted = make_case(reports, folder)
    said = [f"{count(counted[each], 'photograph')}: {OUTCOMES[each].lower()}" for each in OUTCOMES if counted[each]]
    said += [f"{count(counted[None], 'file')} could not be examined"] if counted[None] else []
    print("\n".join(said))
    plain_console(stderr=True).print(f"{folder}/index.html has the contact sheet and leads to each report")
    return 1 if counted[None] else 0


def _forms(reports: Iterator[Report], arguments: argparse.Namespace) -> int:
    width = shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH
    has_failed, separator = False, "["
    for report in reports:
        has_failed |= report.error is not None
        if arguments.html:
            publish(arguments.html, html_of(report).encode("utf-8", "backslashreplace"))
        if arguments.pdf:
            publish(arguments.pdf, pdf_of(report))
        if arguments.json:
            print(separator, json.dumps(as_dict(report), indent=1, allow_nan=False), sep="\n", flush=True)
        else:
            print("\n".join(text_of(report, width)) + "\n", flush=True)
        separator = ","
    if arguments.json:
        print("]" if separator == "," else "[]")
    return 1 if has_failed else 0


def _with_progress(reports: Iterator[Report], number: int) -> Iterator[Report]:
    """Yield the reports; where there are many, the terminal shows how many are done and the time left."""
    if number <= _FEW_FILES:
        yield from reports
        return
    with progress(plain_console(stderr=True), "examining", number, "photographs") as advance:
        for report in reports:
            advance(1)
            yield report


def _examined(found: Found) -> Report | None:
    """Return the report of a file that cannot be examined; None where it can."""
    return None if found.fault is None else Report(found.path, 0, error=found.fault)


if __name__ == "__main__":
    exit_with(main)
