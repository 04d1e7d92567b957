"""Evaluation of a finished run again: prints its table, and whether it agrees with the run's `evaluation.json`.

`python -m train.evaluate [RUN|latest] [--json]` judges the run's weights on the held-out devices of its generation,
as the end of its training did. It writes nothing.
"""

import json

import torch

from corpus.command_line import command_parser, configuration_of, exit_with
from train.evaluation.held_out import evaluate_network
from train.evaluation.table import evaluation_table
from train.fit.runs import find_run, load_network
from train.fit.training_run import score_sentence, threads_of

_DESCRIPTION = """Evaluate a finished run again, on the held-out devices of its generation. Writes nothing.

Figures agree exactly where the run was trained on the same kind of machine; other hardware rounds differently.

Exit codes: 0 the figures agree with the run's evaluation.json, 1 they differ, 2 the run cannot be evaluated."""


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m train.evaluate", _DESCRIPTION)
    parser.add_argument(
        "run", metavar="RUN", nargs="?", default="latest", help="a run's name, the path of its folder, or `latest`"
    )
    parser.add_argument("--json", action="store_true", help="print the evaluation as JSON instead of a table")
    arguments = parser.parse_args()
    run = find_run(configuration_of(arguments).store, arguments.run)
    recorded = run.store.read_json(f"{run.directory}/evaluation.json")
    config = run.config()
    torch.set_num_threads(config.train.threads or threads_of(config.train.loaders, ranks=1))
    network, device = load_network(run)
    index = config.index(run.store)
    figures = evaluate_network(network, device, run.store, index, config.train).figures
    # as JSON has it: tuples become lists
    evaluation = json.loads(json.dumps({"run": run.name, "epoch": recorded["epoch"], **figures}))
    agrees = evaluation == recorded
    if arguments.json:
        print(json.dumps({**evaluation, "agrees": agrees}, indent=1, sort_keys=True))
    else:
        before = f"recorded weighted accuracy {recorded['weighted_accuracy']:.3f}"
        print(f"{evaluation_table(evaluation)}\n\n{score_sentence(run, evaluation)}")
        print(f"{'agrees with' if agrees else 'differs from'} the run's evaluation.json ({before})")
    return 0 if agrees else 1


if __name__ == "__main__":
    exit_with(main)
