"""The `shutterprint` command: one name for every entry point of the project.

Each subcommand runs the `main()` of the module that `COMMANDS` names, with the same arguments and exit codes as
`python -m …`. The module is imported only when its subcommand is called, so `shutterprint --help` answers at once and
a machine that has only the extra `crawl` can crawl. Where packages are missing, the extra to install is named.
"""

import argparse
import sys
import textwrap
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version

from corpus.events import as_asked, complain

PACKAGES = ("corpus", "forensics", "shards", "curation", "crawlers", "train", "examiner", "pipelines", "demo")


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: the module with its `main`, what that needs, and what the help says first."""

    module: str
    extra: str
    """The extra of pyproject.toml that has its packages; empty where it needs none."""
    summary: str
    example: str
    result: str
    """What the command prints or leaves behind."""


COMMANDS = {
    "crawl": Command(
        "pipelines.crawl", "crawl", "collect camera originals from Flickr, Wikimedia Commons, a folder or a list",
        "shutterprint crawl flickr",
        "originals/ below the storage has each file as it was served, crawl/ one row for every photo found, with all "
        "reasons where it was refused. Exit code 0: the crawl is complete; 1: it failed, give the same command again; "
        "2: the configuration or the command line is wrong, or the storage refuses.",
    ),
    "check": Command(
        "crawlers.check.__main__", "crawl", "say what would go wrong with a crawl before you start it",
        "shutterprint check flickr",
        "One line for each thing checked: ok, FAIL or note, what was found, and the cure. Nothing is downloaded. "
        "`shutterprint check catalogue` checks the camera catalogue: cameras that cannot be told apart, and gaps.",
    ),
    "status": Command(
        "pipelines.overview.__main__", "", "show the state of everything, what is wrong and what mends it",
        "shutterprint status",
        "Sources and how much of the time is covered, generations, trainings, pipelines, jobs, disk; then what is "
        "wrong with the command that mends it, and what comes next. With --crawls, photos by source and camera: "
        "found, stored, refused and why, failed and when they are tried again. Exit code 1: something is wrong.",
    ),
    "forget": Command(
        "crawlers.forget.__main__", "crawl", "take photographs down: remove them and never fetch them again",
        "shutterprint forget flickr:4711 --dry-run",
        "What was removed of each photo, and which published generations and shards still have it. With --dry-run "
        "nothing changes.",
    ),
    "curate": Command(
        "curation.run", "curate", "judge all photos together, publish a generation and write its shards",
        "shutterprint curate --set rules.quality_factor_min=90",
        "curated/<generation>/ has photos.parquet with every photo and all its reasons, report.html and attribution; "
        "shards/<generation>/ has the index of the tiles to train on.",
    ),
    "explain": Command(
        "curation.explain", "curate", "show the evidence and the verdict for one photo",
        "shutterprint explain holiday.jpg",
        "What the bytes say, whether the photo is kept, and for each reason against it the value that caused it.",
    ),
    "diff": Command(
        "curation.diff", "curate", "compare two generations: what changed and why",
        "shutterprint diff 0001 latest",
        "How many photos went from which verdict to which, cameras that gained or lost photos, native values that "
        "were learned or lost. Exit code 1: a photo changed its split, which must never happen.",
    ),
    "pin": Command(
        "curation.pin", "curate", "write what was learned of cameras into a catalogue",
        "shutterprint pin iphone-6 --write cameras.yaml",
        "The changed entries of the catalogue as YAML on the standard output, or with --write a catalogue file.",
    ),
    "manifest": Command(
        "curation.manifest", "curate", "write a data set as a list of addresses and digests, to hand it on",
        "shutterprint manifest latest -o data-set.parquet",
        "One Parquet file by which `shutterprint crawl manifest` fetches the same originals on another machine, and "
        "its description in Croissant. With --compare FILE: what of a list is gone, and whether all else is equal; "
        "exit code 1 where it is not.",
    ),
    "verify": Command(
        "shards.verify", "curate", "check that published shards are whole, to the bit",
        "shutterprint verify latest --all",
        "Every fault with its file, its sample and its place; none if the shards are as they were written. Exit code "
        "0: no fault; 1: faults, and how to mend them; 2: it could not be checked.",
    ),
    "stats": Command(
        "shards.stats", "curate", "count what published shards hold",
        "shutterprint stats latest",
        "Shards, photographs, tiles, groups and bytes by split and by camera, the commonest sizes, what the restart "
        "markers take. With --json all of it as one JSON object.",
    ),
    "show": Command(
        "shards.show", "curate", "show one tile: what is known of it, and its place in its photograph",
        "shutterprint show latest 0f3a5b7c9d1e2f40_0 --out tile.jpg",
        "Camera, split, original, place in the tar, and the photograph's tiles drawn as text. Exit code 1: the tile is "
        "damaged.",
    ),
    "train": Command(
        "train.main", "train", "train a network on the newest shards and evaluate it",
        "shutterprint train --without-ray",
        "runs/<run>/ has the configuration, checkpoints, weights (safetensors) and evaluation.html: accuracy on "
        "devices never seen in training, for unaltered photographs and for each manipulation.",
    ),
    "jobs": Command(
        "pipelines.jobs.__main__", "train", "list the trainings that run, attach to one, stop one",
        "shutterprint jobs",
        "A line for each job of the Ray head and each unfinished run: its id, run, state, since when, how far. `follow "
        "NAME` shows its log until it ends, `stop NAME` stops it.",
    ),
    "evaluate": Command(
        "train.evaluate", "train", "evaluate a finished run again and compare with its record",
        "shutterprint evaluate latest",
        "The evaluation table, and whether it agrees with the run's evaluation.json. Exit code 1: the figures differ. "
        "Nothing is written, but with --full runs/<run>/report/: one page, and a CSV file for every plot and table. "
        "Several runs vote together.",
    ),
    "compare": Command(
        "train.compare", "train", "compare two runs by device, on the photographs that both have judged",
        "shutterprint compare 0001-0001-3991302ab7-4572b465 latest",
        "Accuracy of both sides by condition, the difference and its 95 % interval. Runs separated by commas are the "
        "seeds or folds of one side. Nothing is judged or written.",
    ),
    "baseline": Command(
        "train.baseline", "train", "fit a simpler method and judge it as a network is judged",
        "shutterprint baseline residual-statistics --folds",
        "baselines/<name>-<generation>-<digest>/ has its answers, which `shutterprint compare` pairs with a run's, and "
        "its figures. With --folds each fold is held out in turn.",
    ),
    "predict": Command(
        "train.predict", "train", "name the camera that took a photograph",
        "shutterprint predict latest holiday.jpg",
        "For each photograph, also those of folders, the likeliest cameras with their probabilities, what its EXIF "
        "claims, whether the two agree, and whether it seems turned or cropped; with --csv the challenge's submission. "
        "Exit code 1: some could not be judged.",
    ),
    "enrol": Command(
        "train.enrol", "train", "add a camera to a finished run from some of its photographs, without training",
        "shutterprint enrol fairphone-4 holiday/*.jpg --run latest",
        "runs/<run>/enrolled/<camera>.safetensors, which prediction finds, or with --out a new model to hand on; how "
        "well the camera's own photographs are told. Nothing that training published changes. Exit code 1: enrolled, "
        "but some photographs could not be read.",
    ),
    "export": Command(
        "train.export", "train", "write a finished run into one file to hand on, or its network as ONNX",
        "shutterprint export latest model.zip",
        "model.zip with weights, cameras, calibration, open set, enrolled cameras and a model card, and its SHA-256; "
        "predict, evaluate and enrol take it by path or by https://…#sha256=…. With --onnx, the network for other "
        "runtimes.",
    ),
    "examine": Command(
        "examiner.__main__", "examiner", "say what a photograph shows: what it is, claims, and went through",
        "shutterprint examine --run latest --generation latest holiday.jpg",
        "For each photograph a verdict and every finding, with how many genuine photographs show the same; with --json "
        "one list for programs, with --html or --pdf a report with pictures, with --case a folder of many reports. "
        "Nothing but the file is needed. Exit code 1: some could not be examined.",
    ),
    "calibrate": Command(
        "examiner.calibrate", "examiner", "measure what the examiner's findings are worth, on genuine photographs",
        "shutterprint calibrate --run latest",
        "examiner.json beside the run, which `examine --run` uses: what genuine photographs of the test split score, "
        "and what share of planted alterations each finding sees at 1 % false alarms. A table of it is printed.",
    ),
    "serve": Command(
        "examiner.serve", "examiner", "serve the web page: examine photographs, look through data set and runs",
        "shutterprint serve --run latest --generation latest",
        "A page at http://127.0.0.1:8321/, which this machine alone reaches. Photographs that are examined there stay "
        "in memory for minutes and are written nowhere.",
    ),
    "device": Command(
        "examiner.device", "examiner", "say which device took a photograph, by the pattern of its sensor",
        "shutterprint device build -o mine.npz references/*.jpg && shutterprint device match mine.npz holiday.jpg",
        "build writes a fingerprint, the same bytes for the same photographs. match says of each photograph whether it "
        "has the fingerprint's pattern, with its peak-to-correlation energy and how often chance gives as much. "
        "compare says it of two fingerprints, and group lists a folder's photographs by device. Exit code 1: some "
        "files could not be used.",
    ),
    "pipelines": Command(
        "pipelines.__main__", "crawl", "run the named pipelines of pipelines.yaml, by hand or by cron",
        "shutterprint pipelines install && shutterprint pipelines status",
        "run: the output of every stage in order; a run that failed continues at the stage that failed. install, "
        "remove and show: the lines of your crontab that start them. status and history: what runs did and changed, "
        "when the next is due, what is wrong.",
    ),
    "prune": Command(
        "pipelines.prune.__main__", "crawl", "remove old generations and runs, and what only they need",
        "shutterprint prune --keep-generations 5 --keep-runs 3 --dry-run",
        "What stays and what goes, each with the reason and its size. Originals, records, facts and the newest "
        "generation always stay. With --dry-run nothing is removed.",
    ),
    "demo": Command(
        "demo.__main__", "demo", "show the whole product on this machine, with simulated cameras",
        "shutterprint demo",
        "demo-data/ has the uploads, the store and the reports; the last lines name the camera of a photograph by a "
        "device that nobody trained on. About ten minutes on two cores.",
    ),
}  # fmt: skip

_DESCRIPTION = """Name the camera model behind a photograph from its pixels, and build the data set that this needs.

{commands}

`shutterprint COMMAND --help` says what a command does, shows an example and says what comes out.
All commands read pipelines.yaml in the working directory, or the file that --config names."""


def main() -> None:
    """Run the command line and exit with the subcommand's code, or 2 for a wrong command line or a missing extra."""
    parser = argparse.ArgumentParser(
        prog="shutterprint",
        description=_DESCRIPTION.format(commands=overview()),
        usage="shutterprint COMMAND …",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"shutterprint {version('shutterprint')}")
    parser.add_argument("command", metavar="COMMAND", choices=COMMANDS, help=argparse.SUPPRESS)
    name = parser.parse_args(sys.argv[1:2]).command
    words = sys.argv[2:]
    if words[:1] in (["-h"], ["--help"]):
        print(teaching(COMMANDS[name]) + "\n", flush=True)
    sys.argv = [f"shutterprint {name}", *words]
    with as_asked():
        try:
            from corpus.command_line import exit_with

            exit_with(import_module(COMMANDS[name].module).main)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing in PACKAGES:  # a fault of ours, not of the installation
                raise
            extra = COMMANDS[name].extra
            complain(
                f"shutterprint {name}: the package {missing} is not installed; run `pip install -e '.[{extra}]'` in "
                "the folder of Shutterprint"
            )
            sys.exit(2)


def overview() -> str:
    """Return the names and summaries of all subcommands, a line each."""
    return "\n".join(f"  {name:<10} {command.summary}" for name, command in COMMANDS.items())


def teaching(command: Command) -> str:
    """Return what a subcommand does, an example and what comes out, as text for a terminal."""
    summary = command.summary[0].upper() + command.summary[1:] + "."
    return f"{summary}\n\nExample:\n  {command.example}\n\nWhat comes out:\n" + textwrap.fill(
        command.result, 100, initial_indent="  ", subsequent_indent="  "
    )


if __name__ == "__main__":
    main()
