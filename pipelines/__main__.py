"""`python -m pipelines`: runs a named pipeline of pipelines.yaml, lists them all, prints crontab lines."""

import signal
from pathlib import Path

from corpus.command_line import command_parser, configuration_of, exit_with
from pipelines.crontab import crontab_lines
from pipelines.run import run_pipeline, stages_of

_DESCRIPTION = """Run the named pipelines of pipelines.yaml.

  python -m pipelines run refresh     crawl what is new, curate it, write its shards
  python -m pipelines list            show every pipeline with its schedule and stages
  python -m pipelines crontab         print lines for `crontab -e`

A run holds a lock, stops at the first stage that fails and says why. Run again, it continues with that stage."""


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m pipelines", _DESCRIPTION, overridable=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run a pipeline, or continue its failed run")
    run.add_argument("name", help="the pipeline's name in pipelines.yaml")
    commands.add_parser("list", help="show every pipeline")
    commands.add_parser("crontab", help="print the crontab lines of all pipelines with a schedule")
    arguments = parser.parse_args()
    configuration = configuration_of(arguments)
    if arguments.command == "run":
        # SIGTERM is handled like ctrl-C, so that a stopped pipeline stops its stage
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        run_pipeline(configuration, arguments.name, lambda line: print(line, flush=True))
    elif arguments.command == "crontab":
        for name in configuration.pipelines:
            stages_of(configuration, name)  # a wrong stage shows now, not at night
        print("\n".join(crontab_lines(configuration, Path.cwd())))
    else:
        for name, pipeline in configuration.pipelines.items():
            print(f"{name}  ({pipeline.schedule or 'run by hand'})")
            for stage in stages_of(configuration, name):
                print(f"  {stage.command}")
    return 0


if __name__ == "__main__":
    exit_with(main)
