"""Examine: says of photographs what their bytes and pixels show: what they are, claim, and went through.

`shutterprint examine PHOTO…`, `python -m examiner PHOTO…`. A file that cannot be examined gets a sentence with the
reason, and the exit code is 1.
"""

from corpus.command_line import command_parser, exit_with
from examiner.case.forms import add_forms, check_forms, write_forms
from examiner.sandbox.reports import examined
from examiner.sandbox.worker import Sandbox
from train.prediction.finding import find_photos

_DESCRIPTION = """Say what photographs show: what a file is, what it claims, what was done to it, which camera took it.

Nothing but the file is needed. With --generation its claims are compared with the photographs of a data set, and with
--run a trained network says which camera took it, and with --device whether one device did. Every finding says how many
genuine photographs show the same.

JPEG, PNG, WebP, TIFF, HEIC and AVIF are examined, and the largest preview in a raw file. A separate process decodes
them, with 60 s and 4 GiB for each; a file that takes more, or ends it, gets a sentence like any other that cannot be
read.

Exit codes: 0 every file was examined (whatever was found), 1 some could not be examined, 2 nothing could be done."""


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m examiner", _DESCRIPTION)
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help="files, folders, or patterns in quotes")
    parser.add_argument("--generation", metavar="NAME", help="a generation of the data set, or `latest`")
    parser.add_argument("--run", metavar="RUN", help="a run's name, `latest`, or a model handed on (model.zip)")
    parser.add_argument(
        "--device", metavar="FILE", action="append", default=[],
        help="a device's fingerprint (device.npz of `shutterprint device build`); may be repeated",
    )  # fmt: skip
    parser.add_argument("--private", action="store_true", help="show places, serial numbers and names of people")
    parser.add_argument("--trust", metavar="PEM", help="a file of certificates whose content credentials are trusted")
    add_forms(parser)
    arguments = parser.parse_args()
    files = find_photos(arguments.photos, raws=True).files
    check_forms(arguments, len(files))
    with Sandbox(
        corpus=arguments.generation, run=arguments.run, configuration=arguments.config, overrides=arguments.overrides,
        private=arguments.private, trust=arguments.trust, devices=arguments.device,
    ) as sandbox:  # fmt: skip
        return write_forms(examined(files, sandbox), arguments, len(files))


if __name__ == "__main__":
    exit_with(main)
