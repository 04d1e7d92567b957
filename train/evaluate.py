"""Evaluation of finished runs again: prints the table, and whether it agrees with the run's `evaluation.json`.

`python -m train.evaluate [RUN|latest] [--full] [--json]` judges the run's weights on the held-out devices of its
generation, as the end of its training did. It writes nothing by itself. `--full` publishes `runs/<run>/report/`, and
the run's `answers.arrow` and `calibration.json` where an earlier version wrote none; `--matrix` and `--amounts` publish
`runs/<run>/experiments/`.
Of several runs, the answers that they have published are averaged.
`--transductive` adds figures that use the test set as a whole; they stand beside the others and change none.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.errors import ConfigurationError, StageError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.archive.download import is_address
from train.archive.loading import is_archive, load_parts
from train.archive.parts import model_of
from train.data.answers import FILE
from train.evaluation.breakdowns import breakdowns
from train.evaluation.figures import figures
from train.evaluation.held_out import HeldOut, evaluate_network, held_out_photos
from train.evaluation.mistakes import mistakes
from train.evaluation.pages.honesty import honesty_tables
from train.evaluation.pages.open_set import open_set_rows
from train.evaluation.photo_facts import facts_of
from train.evaluation.report import publish_report
from train.evaluation.studies import PHOTOS_MAX, Subject, ensemble, ensemble_rows, studies
from train.evaluation.table import aligned, evaluation_table, figure_text
from train.experiments.amounts import amount_rows
from train.experiments.critique import critique_rows
from train.experiments.publishing import experiment_table, publish_experiment, published_experiments
from train.fit.training_run import score_sentence, threads_of
from train.model.checkpoints import kept_weights
from train.model.network import CameraNetwork
from train.runs.answered import find_answered
from train.runs.progress import read_history
from train.runs.run import CARRIED_OUT_BY, Run, RunConfig, find_run
from train.runs.trained import load_network
from train.transductive.figures import check_transductive, transductive_figures
from train.transductive.page import HEADING, transductive_rows, transductive_section, transductive_text

_DESCRIPTION = """Evaluate a finished run again, on the held-out devices of its generation. Without an option
that says so below, nothing is written.

With --full, studies beyond the challenge's protocol are added, and all of it is published as runs/<run>/report/:
report.html, and a CSV file for every plot and table. Of several runs, the probabilities are averaged.

--matrix and --amounts train the run's network anew, briefly and several times, and publish runs/<run>/experiments/:
on photographs of each history of compression, judged on each (critique), and on more and more photographs (amounts).

--transductive adds what two tricks of the challenge's teams gain that use all test photographs at once: class balance
(each camera gets an equal share of the answers) and pseudo-labels (confident answers become labels). These are no
figures of what is said of a single photograph; the others stay as they are. The embeddings of all test photographs
are computed once more for it.

Figures agree exactly where the run was trained on the same kind of machine; other hardware rounds differently.

Exit codes: 0 the figures agree with the run's evaluation.json, 1 they differ, 2 the run cannot be evaluated."""


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m train.evaluate", _DESCRIPTION)
    parser.add_argument(
        "runs", metavar="RUN", nargs="*", default=["latest"],
        help="a run's name, the path of its folder, `latest`, or a model.zip (path, or address with #sha256=…); "
        "several runs of one generation vote together",
    )  # fmt: skip
    parser.add_argument("--full", action="store_true", help="study the run further and publish its report")
    parser.add_argument("--matrix", action="store_true", help="compression, train × test: five short trainings")
    parser.add_argument("--amounts", action="store_true", help="accuracy by amount of training data: four of them")
    parser.add_argument(
        "--transductive", action="store_true",
        help="add what tricks with the test set as a whole gain, which is no figure of a single photograph",
    )  # fmt: skip
    parser.add_argument("--steps", type=int, metavar="N", help="steps of each short training (a quarter of the run's)")
    parser.add_argument("--json", action="store_true", help="print the evaluation as JSON instead of a table")
    arguments = parser.parse_args()
    configuration = configuration_of(arguments)
    store = configuration.store
    if arguments.steps is not None and arguments.steps < 1:
        raise ConfigurationError(f"--steps: {arguments.steps} is not at least 1")
    if arguments.transductive and (arguments.matrix or arguments.amounts):
        raise StageError("--transductive: is measured of a finished run, --matrix and --amounts train; ask for one")
    if arguments.steps is not None and not (arguments.matrix or arguments.amounts):
        raise StageError("--steps: sets the length of the trainings of --matrix and --amounts; add one of these")
    if arguments.matrix or arguments.amounts:
        _check_experiments(arguments)
        wanted = [name for name, asked in (("critique", arguments.matrix), ("amounts", arguments.amounts)) if asked]
        return _experiments(find_run(store, arguments.runs[0]), wanted, arguments.steps)
    if len(arguments.runs) > 1:
        if arguments.full:
            raise StageError("--full: makes the report of one run; name one")
        if arguments.transductive:
            raise StageError("--transductive: fits the last layer of one network again; name one run")
        return _together(store, arguments.runs, as_json=arguments.json)
    if is_address(arguments.runs[0]) or is_archive(arguments.runs[0]):
        if arguments.full:
            raise StageError("--full: makes the report of a run; a model handed on has none")
        return _handed_on(
            store,
            configuration.train,
            arguments.runs[0],
            with_tricks=arguments.transductive,
            as_json=arguments.json,
        )
    run = find_run(store, arguments.runs[0])
    return _again(run, is_full=arguments.full, with_tricks=arguments.transductive, as_json=arguments.json)


def _check_experiments(arguments: argparse.Namespace) -> None:
    """Refuse what `--matrix` and `--amounts` would not heed; raises StageError."""
    if len(arguments.runs) > 1:
        raise StageError("--matrix, --amounts: each trains the network of a single run; name one run")
    if is_address(arguments.runs[0]) or is_archive(arguments.runs[0]):
        raise StageError("--matrix, --amounts: train a run's network on its shards; a model handed on has none")
    for option, is_given in (("--full", arguments.full), ("--json", arguments.json)):
        if is_given:
            raise StageError(
                f"{option}: is for the evaluation of a run, which --matrix and --amounts do not make; "
                "give a command for each"
            )


def _again(run: Run, *, is_full: bool, with_tricks: bool, as_json: bool) -> int:
    """Judge a run again, and compare with its record."""
    recorded = run.store.read_json(f"{run.directory}/evaluation.json")
    config = run.config()
    torch.set_num_threads(config.train.threads or threads_of(config.train.loaders, ranks=1))
    network, device = load_network(run)
    index = config.index(run.store)
    if with_tricks:
        check_transductive(index, config.train)
    held_out = evaluate_network(network, device, run.store, index, config.train)
    # as JSON has it: tuples become lists
    evaluation = json.loads(json.dumps({"run": run.name, "epoch": recorded["epoch"], **held_out.figures}))
    # what another part of the program has added to the record is not judged here
    agrees = evaluation == {key: value for key, value in recorded.items() if key in evaluation}
    tricks = _tricks(network, device, run.store, index, config.train, held_out) if with_tricks else {}
    if is_full:
        _, photo_rows, _ = held_out_photos(index, config.train)
        subject = Subject(network, device, run.store, index, photo_rows[:PHOTOS_MAX], config.train)
        _publish(run, subject, held_out, recorded | evaluation, tricks)
    if as_json:
        print(json.dumps({**evaluation, **tricks, "agrees": agrees}, indent=1, sort_keys=True))
    else:
        before = f"recorded weighted accuracy {recorded['weighted_accuracy']:.3f}"
        print(f"{evaluation_table(evaluation)}\n\n{score_sentence(run, evaluation)}")
        print(f"{'agrees with' if agrees else 'differs from'} the run's evaluation.json ({before})")
        _print_tricks(tricks)
    return 0 if agrees else 1


def _tricks(
    network: CameraNetwork, device: torch.device, store: Store, index: Index, settings: Training, held_out: HeldOut
) -> dict[str, Any]:
    """Return the transductive figures under the key that they have in JSON."""
    temperature = held_out.calibration["temperature"]
    found = transductive_figures(network, device, store, index, settings, held_out.answers, temperature)
    return {"transductive": found}


def _print_tricks(tricks: dict[str, Any]) -> None:
    if tricks:
        print(f"\n{HEADING}\n\n{transductive_text(tricks['transductive'])}")


def _experiments(run: Run, names: list[str], steps: int | None) -> int:
    """Carry out experiments with a run's network and print their tables."""
    config = run.config()
    torch.set_num_threads(config.train.threads or threads_of(config.train.loaders, ranks=1))
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    index = config.index(run.store)
    _, photo_rows, _ = held_out_photos(index, config.train)
    steps = steps or max(1, config.train.epochs * config.train.steps_per_epoch // 4)
    settings = config.train.model_copy(update={"epochs": 1, "steps_per_epoch": steps})

    def say(what: str) -> None:
        print(what, file=sys.stderr, flush=True)

    for name in names:
        rows = (critique_rows if name == "critique" else amount_rows)(
            run.store, index, photo_rows, settings, device, say
        )
        path = publish_experiment(run.store, run.directory, name, steps, rows)
        print(f"{experiment_table(name, rows)}\n\n{run.store.path(path)}")
    return 0


def _handed_on(store: Store, own: Training, where: str, *, with_tricks: bool, as_json: bool) -> int:
    """Judge a model handed on, on its generation in this store, and compare with what the file says.

    `own`: this machine's settings, which say how it is carried out: cache, loaders, threads.
    """
    parts = load_parts(store, where)
    model = model_of(parts)
    config = carried_out_here(parts.config, own)
    torch.set_num_threads(config.train.threads or threads_of(config.train.loaders, ranks=1))
    index = config.index(store)
    if with_tricks:
        check_transductive(index, config.train)
    held_out = evaluate_network(model.network, model.device, store, index, config.train)
    told = {"run": parts.name, "epoch": parts.evaluation.get("epoch"), **held_out.figures}
    evaluation = json.loads(json.dumps(told))
    tricks = _tricks(model.network, model.device, store, index, config.train, held_out) if with_tricks else {}
    agrees, named = agreement(parts.evaluation, evaluation), where.partition("#")[0]
    if as_json:
        print(json.dumps({**evaluation, **tricks, "agrees": agrees}, indent=1, sort_keys=True))
    else:
        said: dict[bool | None, str] = {
            True: f"agrees with what {named} says of itself",
            False: f"differs from what {named} says of itself",
        }
        print(f"{evaluation_table(evaluation)}\n\n{said.get(agrees, f'{named} states no accuracy to compare with')}")
        _print_tricks(tricks)
    return 0 if agrees else 1


def agreement(stated: Mapping[str, Any], found: Mapping[str, Any]) -> bool | None:
    """Return whether the figures that a file states are those that were found; None where it states no accuracy."""
    if stated.get("weighted_accuracy") is None:
        return None
    return all(value == found[key] for key, value in stated.items() if key in found)


def carried_out_here(config: RunConfig, own: Training) -> RunConfig:
    """Return a configuration handed on, with this machine's cache, loaders and threads."""
    here = {key: getattr(own, key) for key in CARRIED_OUT_BY}
    return replace(config, train=config.train.model_copy(update=here))


def _publish(run: Run, subject: Subject, held_out: HeldOut, evaluation: dict[str, Any], tricks: dict[str, Any]) -> None:
    """Study a run and publish its report, and its answers where an earlier version left none."""

    def say(what: str) -> None:
        print(f"studying: {what}", file=sys.stderr, flush=True)

    if not run.store.exists(f"{run.directory}/{FILE}"):
        held_out.publish(run.store, run.directory)
    studied = studies(subject, kept_weights(run.store, run.checkpoints), say)
    temperature = held_out.calibration["temperature"]
    wrong = mistakes(held_out.answers, subject.index.classes, run.store, subject.index, temperature)
    answers = held_out.answers
    facts, _ = facts_of(run.store, subject.index, answers.photos, with_iso=True)
    sections, experiments = published_experiments(run.store, run.directory)
    path = publish_report(
        run.store,
        run.directory,
        evaluation | breakdowns(answers, facts) | tricks,
        subject.settings.model_dump(),
        read_history(run),
        studied,
        wrong,
        [*([transductive_section(tricks["transductive"])] if tricks else []), *sections],
        honesty_tables(evaluation["honesty"])
        | open_set_rows(held_out.figures["open_set"])
        | (transductive_rows(tricks["transductive"]) if tricks else {})
        | experiments,
    )
    print(f"report: {run.store.path(path)}", file=sys.stderr, flush=True)


def _together(store: Store, wanted: list[str], *, as_json: bool) -> int:
    """Average the published answers of several runs or baselines."""
    every = [find_answered(store, name) for name in wanted]
    names = [each.name for each in every]
    found = {each.name if names.count(each.name) == 1 else each.address: each for each in every}
    if len(found) < len(every):
        raise StageError(f"{', '.join(wanted)}: name one run twice; its vote would count twice")
    (first_name, first), *others = found.items()
    for name, each in others:
        if (each.answers.photos, each.answers.conditions) != (first.answers.photos, first.answers.conditions):
            raise StageError(
                f"{name}: has judged other photographs or conditions than {first_name}; runs vote together where they "
                "are of one generation, split and train.test_photos"
            )
        if each.classes() != first.classes():
            raise StageError(f"{name}: knows other cameras than {first_name}; name runs of one generation")
    answers = {name: each.answers for name, each in found.items()}
    rows = ensemble_rows(answers)
    if as_json:
        told = figures(ensemble(list(answers.values())), first.classes())
        del told["votes"]  # of runs, not of crops
        print(json.dumps({"runs": list(found), "rows": rows, "together": told}, indent=1, sort_keys=True))
        return 0
    lines = [("run", "weighted", "95 % interval", "gain of all together", "95 % interval")]
    lines += [(row["weights"], *figure_text(row["weighted"]), *figure_text(row["gain_of_all"])) for row in rows]
    print("\n".join(aligned(lines)))
    return 0


if __name__ == "__main__":
    exit_with(main)
