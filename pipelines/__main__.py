"""`python -m pipelines`: runs a named pipeline of pipelines.yaml, has cron run it, and says what became of it."""

import argparse
import json
import signal
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.configuration import Configuration
from corpus.errors import ConfigurationError, StageError
from corpus.text import escaped
from pipelines.history import read_progress, upcoming
from pipelines.lock import lock_holder
from pipelines.run import run_pipeline
from pipelines.scheduling import crontab, systemd
from pipelines.scheduling.installed import CRON, units_folder
from pipelines.stages import stages_of
from pipelines.status import history_lines, status_lines, status_of

_DESCRIPTION = """Run the named pipelines of pipelines.yaml, by hand or by cron.

  python -m pipelines run refresh     crawl what is new, curate it, write its shards
  python -m pipelines list            show every pipeline with its schedule and stages
  python -m pipelines show            show the lines that cron would get, and those that it has
  python -m pipelines install         have cron start every pipeline that has a schedule
  python -m pipelines status          show last runs, what each changed, when the next is due, what is wrong
  python -m pipelines history         show all runs with their stages

A run holds a lock, stops at the first stage that fails and says why. Run again, it continues with that stage.
`install` and `remove` change our own lines of your crontab and no other. Give them in the folder of Shutterprint: it
becomes the working directory of the stages. Exit code of `status`: 1 where a pipeline was missed, is stuck or has
stopped."""


def main() -> int:
    """Run the command line; returns the exit code."""
    arguments = _parser().parse_args()
    configuration = configuration_of(arguments)
    act: Callable[[Configuration, argparse.Namespace], int] = arguments.act
    return act(configuration, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("python -m pipelines", _DESCRIPTION, overridable=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, act: Callable[[Configuration, argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.set_defaults(act=act)
        return command

    run = add("run", _run, "run a pipeline, or continue its failed run")
    run.add_argument("name", metavar="NAME", help="the pipeline's name in pipelines.yaml")
    run.add_argument("--dry-run", action="store_true", help="say which stages would run and why, and run none")
    add("list", _list, "show every pipeline with its schedule and stages")
    show = add("show", _show, "show the crontab lines of all pipelines with a schedule, and what the crontab has")
    show.add_argument("--systemd", action="store_true", help="show service and timer units of systemd instead")
    about = "put the pipelines that have a schedule into your crontab, in place of earlier lines"
    text = "write service and timer units of systemd into FOLDER instead (default: ~/.config/systemd/user)"
    install = add("install", _install, about)
    install.add_argument("--systemd", nargs="?", const=units_folder(), type=Path, metavar="FOLDER", help=text)
    add("remove", _remove, "take our lines out of your crontab")
    status = add("status", _status, "show last runs, what each changed, when the next is due, and what is wrong")
    history = add("history", _history, "show all runs with the times of their stages")
    for command in (status, history):
        command.add_argument("name", metavar="NAME", nargs="?", help="one pipeline; all without it")
    history.add_argument("--json", action="store_true", help="print the runs as JSON")
    return parser


def _run(configuration: Configuration, arguments: argparse.Namespace) -> int:
    if arguments.dry_run:
        return _dry_run(configuration, arguments.name)
    # SIGTERM is handled like ctrl-C, so that a stopped pipeline stops its stage
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run_pipeline(configuration, arguments.name, lambda line: print(line, flush=True))
    return 0


def _dry_run(configuration: Configuration, name: str) -> int:
    stages = stages_of(configuration, name)
    is_locked, holder = lock_holder(configuration.store, name)
    if is_locked:
        who = holder or "its process is dead, but a stage of it lives on"
        print(f"{name} is running ({who}); another run would be refused")
    commands = [stage.command for stage in stages]
    for one in upcoming(read_progress(configuration.store, name), commands, is_locked=is_locked):
        print(f"{'would run' if one.is_run else 'would skip'}  {one.command}  ({one.why})")
    rounds = configuration.pipelines[name].rounds
    if rounds > 1:
        print(f"and again from the first stage where photos are wanted, up to {rounds} rounds in all")
    return 0


def _list(configuration: Configuration, _: argparse.Namespace) -> int:
    for name, pipeline in configuration.pipelines.items():
        print(f"{name}  ({pipeline.schedule or 'run by hand'})")
        for stage in stages_of(configuration, name):
            print(f"  {stage.command}")
    return 0


def _show(configuration: Configuration, arguments: argparse.Namespace) -> int:
    if arguments.systemd:
        return _units(configuration, None)
    wanted = crontab.block(configuration, Path.cwd())
    print("The crontab's lines, as `shutterprint pipelines install` would write them:\n")
    print(wanted.decode("utf-8", "surrogateescape"))
    try:
        text = crontab.read_crontab()
    except StageError as error:  # the lines are worth showing all the same
        print(error)
        return 0
    there = crontab.installed_block(text, configuration)
    if there == wanted:
        print("The crontab has exactly these.")
    elif not there:
        print("The crontab has none of them.")
    else:
        print("The crontab has others, of another configuration, folder or interpreter:\n")
        print(there.decode("utf-8", "surrogateescape"))
    _print_notes(text, configuration)
    return 0


def _install(configuration: Configuration, arguments: argparse.Namespace) -> int:
    if arguments.systemd is not None:
        return _units(configuration, arguments.systemd)
    if all(one.schedule is None for one in configuration.pipelines.values()) and _has_block(configuration):
        print("no pipeline has a schedule any more")
        return _remove(configuration, arguments)
    wanted, before = crontab.block(configuration, Path.cwd()), crontab.read_crontab()
    after = crontab.with_block(before, configuration, wanted)
    names = ", ".join(name for name, one in configuration.pipelines.items() if one.schedule is not None)
    if after == before:
        print(f"the crontab has these lines already: {names}")
    else:
        crontab.write_crontab(before, after)
        print(f"installed in your crontab: {names}; see `shutterprint pipelines status`")
    _print_notes(after, configuration)
    return 0


def _has_block(configuration: Configuration) -> bool:
    return bool(crontab.installed_block(crontab.read_crontab(), configuration))


def _remove(configuration: Configuration, _: argparse.Namespace) -> int:
    before = crontab.read_crontab()
    after = crontab.without_block(before, configuration)
    if after == before:
        print("the crontab has no lines of this configuration")
    else:
        crontab.write_crontab(before, after)
        print("removed from your crontab; its other lines are as they were")
    return 0


def _status(configuration: Configuration, arguments: argparse.Namespace) -> int:
    now_s = time.time()
    told = [status_of(configuration, name, now_s) for name in _names(configuration, arguments.name)]
    for status in told:
        print("\n".join(status_lines(status, now_s)))
    if any(status.installation.by == CRON for status in told) and crontab.is_cron_running() is False:
        print("NO CRON: the crontab has these pipelines, but no cron daemon runs on this machine: service cron start")
    return 1 if any(status.is_wrong for status in told) else 0


def _history(configuration: Configuration, arguments: argparse.Namespace) -> int:
    names = _names(configuration, arguments.name)
    if arguments.json:
        runs = {name: [asdict(run) for run in read_progress(configuration.store, name).runs] for name in names}
        print(json.dumps(runs, indent=1, ensure_ascii=False))
        return 0
    for name in names:
        print("\n".join(history_lines(status_of(configuration, name, time.time()))))
    return 0


def _names(configuration: Configuration, name: str | None) -> list[str]:
    if name is None:
        return list(configuration.pipelines)
    stages_of(configuration, name)
    return [name]


def _units(configuration: Configuration, folder: Path | None) -> int:
    """Write the units into a folder, or print them where there is none."""
    texts = systemd.units(configuration, Path.cwd())
    faults = systemd.faults(texts)
    if faults:
        raise ConfigurationError(f"systemd-analyze finds fault with the units:\n{faults}")
    for name, text in texts.items():
        if folder is None:
            print(f"# {name}\n{text}")
            continue
        file = folder.expanduser() / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{escaped(file)} cannot be written: {error.strerror}") from error
        print(f"written: {escaped(file)}")
    checked = (
        "systemd-analyze is not installed here, so nobody has checked them"
        if faults is None
        else "checked by systemd-analyze verify"
    )
    print(f"# {checked}" if folder is not None else f"# {checked}\n{systemd.INSTALL}")
    print(systemd.HOW_TO.format(timers=" ".join(name for name in texts if name.endswith(".timer"))))
    return 0


def _print_notes(text: bytes, configuration: Configuration) -> None:
    for note in crontab.notes(text, configuration):
        print(f"note: {note}")
    if crontab.is_cron_running() is False:
        print("note: no cron daemon runs on this machine: service cron start")


if __name__ == "__main__":
    exit_with(main)
