"""Prediction: names the likeliest cameras of photographs and compares them with what their EXIF claims.

`python -m train.predict RUN PHOTO…`. A file that cannot be judged (no photograph, damaged, too small, above 200
megapixels) gets a row with the reason, and the exit code is 1.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence

import torch

from corpus.command_line import command_parser, configuration_of, exit_with, plain_console, progress
from corpus.sections import Training
from corpus.text import count, escaped
from train.archive.loading import load_model
from train.prediction.answers import FEW_FILES, Answer, answers
from train.prediction.finding import Found, find_photos
from train.prediction.output import SUBMISSION_HEADER, as_dict, submission_line, submission_names, table

_DESCRIPTION = """Name the cameras that took photographs from their pixels alone, and compare with their EXIF.

A folder stands for all photographs in it and below it. JPEG, PNG, WebP, TIFF and HEIC are judged as they are stored:
EXIF turns nothing. Notes say what a file lacks, whether it seems to have been turned or cropped, and what that means.

Exit codes: 0 every photograph was judged (whatever the answer), 1 some could not be judged, 2 nothing could be done."""


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m train.predict", _DESCRIPTION)
    model_help = "a run's name, the path of its folder, `latest`, or a model handed on: its file, or its address"
    parser.add_argument("run", metavar="RUN", help=model_help)
    photos_help = "files, folders, or patterns in quotes ('*.jpg', '**/*.png'); best as their cameras wrote them"
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help=photos_help)
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print one JSON list instead of a table")
    forms.add_argument("--csv", action="store_true", help="print the challenge's submission: fname,camera")
    arguments = parser.parse_args()
    configuration = configuration_of(arguments)
    catalogue = configuration.whole_catalogue
    model = load_model(configuration.store, arguments.run, catalogue)
    search = find_photos(arguments.photos)
    if search.passed_over:
        print(f"{count(search.passed_over, 'other file')} passed over", file=sys.stderr)
    loaders = configuration.train.loaders if len(search.files) > FEW_FILES else 0
    torch.set_num_threads(_threads(configuration.train, loaders))
    found = _with_progress(answers(model, catalogue, search.files, loaders), search.files)
    if arguments.csv:
        failed = _print_submission(found, search.files)
    else:
        every = list(found)
        failed = any(each.error for each in every)
        shown = [json.dumps([as_dict(each) for each in every], indent=1)] if arguments.json else table(every, model)
        print("\n".join(shown))
    return 1 if failed else 0


def _print_submission(found: Iterator[Answer], files: Sequence[Found]) -> bool:
    """Print each line as it comes, errors to the terminal; return whether there was one."""
    failed = False
    print(SUBMISSION_HEADER)
    console = plain_console(stderr=True)
    for name, answer in zip(submission_names([each.path for each in files]), found, strict=True):
        print(submission_line(name, answer), flush=True)
        if answer.error:
            failed = True
            console.print(escaped(f"{name}: {answer.error}"))
    return failed


def _with_progress(found: Iterator[Answer], files: Sequence[Found]) -> Iterator[Answer]:
    """Yield the answers; where there are many, the terminal shows their rate and the time left."""
    if len(files) <= FEW_FILES:
        yield from found
        return
    with progress(plain_console(stderr=True), "judging", len(files), "photographs") as advance:
        for answer in found:
            advance(1)
            yield answer


def _threads(settings: Training, loaders: int) -> int:
    """Return the threads of the network: those of `train.threads`, or what the loaders leave of the cores."""
    return settings.threads or max(1, len(os.sched_getaffinity(0)) - loaders)


if __name__ == "__main__":
    exit_with(main)
