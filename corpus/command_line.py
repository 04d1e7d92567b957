"""Command line: what all commands share: `--config`, `--set`, `--log-json`, progress, errors as sentences."""

import argparse
import errno
import io
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TextIO

from corpus.configuration import CONFIGURATION_VARIABLE, Configuration, read_configuration
from corpus.errors import ShutterprintError
from corpus.events import FLAG, as_asked, complain, is_asked, tell
from corpus.metrics.task_metrics import STEPS
from corpus.storage.errors import unavailable
from corpus.text import escaped, pace, span

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_LINE_EVERY_S = 10.0
_OF_THE_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE})


class _Parser(argparse.ArgumentParser):
    """Argparse's parser, whose errors quote arguments, and so names of files, without what steers a terminal."""

    def error(self, message: str) -> NoReturn:
        if tell("error", "error", message=f"{self.prog}: {escaped(message)}"):
            self.exit(2)
        super().error(escaped(message))


class _InFull(argparse.Action):
    """A flag that was looked for before the command line was parsed, so that even its faults are events."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        if not is_asked():
            parser.error(f"write {FLAG} in full")


def command_parser(program: str, description: str, *, overridable: bool = True) -> argparse.ArgumentParser:
    """Return a parser that has `--config` and, where `overridable`, `--set`; the description is shown as written.

    Called through the `shutterprint` command, usage and description name that command instead of `program`.
    """
    called = sys.argv[0] if sys.argv[0].startswith("shutterprint ") else program
    as_written = argparse.RawDescriptionHelpFormatter
    parser = _Parser(called, description=description.replace(program, called), formatter_class=as_written)
    config = f"the configuration (default: ${CONFIGURATION_VARIABLE}, else pipelines.yaml here)"
    parser.add_argument("--config", metavar="FILE", help=config)
    parser.add_argument(FLAG, action=_InFull, nargs=0, help="write every line as a JSON object: time, level, event, …")
    parser.set_defaults(overrides=[])
    if overridable:
        key = "set one key for this run, e.g. --set rules.quality_factor_min=90; may be repeated"
        parser.add_argument("--set", dest="overrides", metavar="KEY=VALUE", action="append", help=key)
    return parser


def configuration_of(arguments: argparse.Namespace) -> Configuration:
    """Return the configuration that `--config` and `--set` name; raises ConfigurationError."""
    return read_configuration(arguments.config, arguments.overrides)


def exit_with(main: Callable[[], int]) -> None:
    """Run a command and exit with its code; with 130 if interrupted.

    With 2 and a sentence for a user's mistake, and for a disk of this machine that is full or cannot be written, such
    as that of its temporary files. Without a word where the reader of a pipe, such as `head`, has gone. What the
    terminal's or the file's encoding lacks is written as an escape: one odd name must not lose an output.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with as_asked():
        try:
            code = main()
            sys.stdout.flush()
            sys.exit(code)
        except BrokenPipeError:
            if not _has_lost_its_reader(sys.stdout):
                raise
            # the interpreter flushes at its end, which would fail again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(128 + signal.SIGPIPE)
        except ShutterprintError as error:
            complain(escaped(str(error), keep="\n"))
            sys.exit(2)
        except OSError as error:
            if error.errno not in _OF_THE_MACHINE:
                raise
            place = error.filename or "a disk of this machine, such as that of its temporary files (TMPDIR)"
            complain(escaped(str(unavailable(str(place), error))))
            sys.exit(2)
        except KeyboardInterrupt:
            complain("interrupted; the same command goes on from here")
            sys.exit(130)


def _has_lost_its_reader(stream: TextIO) -> bool:
    """Whether a stream is a pipe that nobody reads any more; other pipes, such as those of a sandbox, break as well."""
    asked = select.poll()
    asked.register(stream, select.POLLOUT)
    return any(events & select.POLLERR for _, events in asked.poll(0))


def plain_console(*, stderr: bool = False) -> "Console":
    """Return a console that neither highlights nor reads markup: strangers wrote some of what it prints."""
    from rich.console import Console  # here, since `--help` needs none

    return Console(highlight=False, markup=False, emoji=False, stderr=stderr)


@contextmanager
def progress(console: "Console", verb: str, total: int, things: str) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with how many more things are done; `verb` says what is done to them.

    On a terminal a bar shows rate and remaining time; a file or pipe gets a plain line every PLAIN_LINE_EVERY_S
    seconds.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    done, began_at_s, said_at_s = 0, time.monotonic(), time.monotonic()
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(verb, total=total, rate="")

        def advance(number: int) -> None:
            nonlocal done, said_at_s
            done, now_s = done + number, time.monotonic()
            rate = done / max(now_s - began_at_s, 1e-3)
            STEPS[verb] = (done, total)
            bar.update(task, completed=done, rate=f"{things}: {pace(rate)}")
            if bar.disable and (done >= total or now_s - said_at_s >= PLAIN_LINE_EVERY_S):
                said_at_s, left_s = now_s, (total - done) / rate if rate else 0.0
                per_s, rest_s = round(rate, 2), round(left_s, 1)
                if not tell("progress", step=verb, things=things, done=done, total=total, per_s=per_s, left_s=rest_s):
                    console.print(f"{verb}: {done:,} of {total:,} {things}, {pace(rate)}, {span(left_s)} left")

        yield advance
