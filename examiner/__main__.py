"""Examine: says of photographs what their bytes and pixels show: what they are, claim, and went through.

`shutterprint examine PHOTO…`, `python -m examiner PHOTO…`. A file that cannot be examined gets a sentence with the
reason, and the exit code is 1.
"""

from pathlib import Path

from corpus.command_line import command_parser, configuration_of, exit_with
from examiner.case.forms import add_forms, check_forms, write_forms
from examiner.examination import examine
from examiner.knowledge import read_corpus, read_run, read_trust
from examiner.prnu.reading import read_fingerprint
from examiner.report.content import Report
from train.prediction.finding import Found, find_photos
from train.prediction.reading import read_file

_DESCRIPTION = """Say what photographs show: what a file is, what it claims, what was done to it, which camera took it.

Nothing but the file is needed. With --generation its claims are compared with the photographs of a data set, and with
--run a trained network says which camera took it, and with --device whether one device did. Every finding says how many
genuine photographs show the same.

Exit codes: 0 every file was examined (whatever was found), 1 some could not be examined, 2 nothing could be done."""


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m examiner", _DESCRIPTION)
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help="files, folders, or patterns in quotes")
    parser.add_argument("--generation", metavar="NAME", help="a generation of the data set, or `latest`")
    parser.add_argument("--run", metavar="RUN", help="a run's name, `latest`, or a model handed on (model.zip)")
    parser.add_argument(
        "--device", metavar="FILE", type=Path, action="append", default=[],
        help="a device's fingerprint (device.npz of `shutterprint device build`); may be repeated",
    )  # fmt: skip
    parser.add_argument("--private", action="store_true", help="show places, serial numbers and names of people")
    parser.add_argument("--trust", metavar="PEM", help="a file of certificates whose content credentials are trusted")
    add_forms(parser)
    arguments = parser.parse_args()
    configuration = configuration_of(arguments)
    files = find_photos(arguments.photos).files
    check_forms(arguments, len(files))
    store, catalogue = configuration.store, configuration.whole_catalogue
    corpus = read_corpus(store, arguments.generation, catalogue) if arguments.generation else None
    run = read_run(store, arguments.run, catalogue) if arguments.run else None
    trust = read_trust(arguments.trust) if arguments.trust else None
    devices = [read_fingerprint(path) for path in arguments.device]
    reports = (
        _examined(found) or examine(
            read_file(found.path), corpus=corpus, run=run, name=found.path, private=arguments.private, trust=trust,
            devices=devices,
        )
        for found in files
    )  # fmt: skip
    return write_forms(reports, arguments, len(files))


def _examined(found: Found) -> Report | None:
    """Return the report of a file that cannot be examined; None where it can."""
    return None if found.fault is None else Report(found.path, 0, error=found.fault)


if __name__ == "__main__":
    exit_with(main)
