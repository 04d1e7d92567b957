"""Events: what a command tells, as one JSON object a line, for machines that collect logs.

`--log-json`, or SHUTTERPRINT_LOG_JSON=1 in the environment, which the commands that a pipeline starts inherit. Every
line on the standard output and the standard error is then an object with `time` (ISO 8601, UTC), `level` and `event`;
what else it has depends on the event:

command_begins, command_ends   `command`; `exit_code` and `took_s`
progress, crawl_progress       how far a step or a crawl is
epoch                          the metrics of an epoch
receipt                        what a stage has done, as in its receipt
log                            `logger` and `message` of a library or of ours, `exception` where there is one
error, fault                   `message` for a mistake that a person can mend; `exception` for a fault of the program
line                           any other line that was printed, as `message`

With `--json` or `--csv` the standard output keeps the answer, and the events are on the standard error. What a process
of a library (Dask, Ray) writes by itself is an event only where a pipeline passes it on.
"""

import io
import json
import logging
import math
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

FLAG, VARIABLE = "--log-json", "SHUTTERPRINT_LOG_JSON"
_ANSWERS = ("--json", "--csv")
_FIRST = '{"time": "'


def is_on() -> bool:
    """Whether this process tells events."""
    return isinstance(sys.stderr, _Lines)


def is_asked() -> bool:
    """Whether the command line or the environment asks for events."""
    return FLAG in sys.argv[1:] or os.environ.get(VARIABLE, "") not in ("", "0")


def tell(event: str, level: str = "info", **fields: Any) -> bool:
    """Write an event to the standard error and return True; False, and nothing is written, where events are off."""
    if not isinstance(sys.stderr, _Lines):
        return False
    sys.stderr.put(as_line(event, level, fields))
    return True


def say(text: str, event: str, **fields: Any) -> None:
    """Tell an event with `text` as its message, or print the text where events are off."""
    if not tell(event, message=text, **fields):
        print(text, flush=True)


def complain(text: str, event: str = "error") -> None:
    """Tell why a command fails, on the standard error, as an event where events are on."""
    if not tell(event, "error", message=text):
        print(text, file=sys.stderr)


def set_level(level: str | int) -> None:
    """Set from which level on what is logged is told as events; INFO at first."""
    for handler in logging.root.handlers:
        if isinstance(handler.formatter, EventFormatter):
            handler.setLevel(level)


def as_line(event: str, level: str, fields: Mapping[str, Any], at_s: float | None = None) -> str:
    """Return an event as a line of JSON in ASCII; `at_s`: seconds since 1970, None for now."""
    moment = datetime.fromtimestamp(time.time() if at_s is None else at_s, UTC)
    head = {"time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "level": level, "event": event}
    rest = {name: value for name, value in fields.items() if name not in head}
    return json.dumps({**head, **_plain(rest)}, default=str, allow_nan=False)


class EventFormatter(logging.Formatter):
    """Formats log records as events; `extra={"event": …, "fields": {…}}` names another event and adds fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line of JSON."""
        fields = {"logger": record.name, "message": record.getMessage(), **getattr(record, "fields", {})}
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            fields["exception"] = record.exc_text
        return as_line(getattr(record, "event", "log"), record.levelname.lower(), fields, record.created)


@contextmanager
def as_asked() -> Iterator[None]:
    """Tell events during a `with` block where the command line or the environment asks for them.

    Tells when the command begins and ends. A fault of the program is told with its traceback, and ends the command
    with exit code 1.
    """
    if is_on() or not is_asked():
        yield
        return
    before, inherited = (sys.stdout, sys.stderr), os.environ.get(VARIABLE)
    began_at_s, command, code = time.monotonic(), _command(), 0
    os.environ[VARIABLE] = "1"
    sys.stderr = _Lines(before[1])
    if not any(word in _ANSWERS for word in sys.argv[1:]):
        sys.stdout = _Lines(before[0])
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(EventFormatter())
    handler.setLevel(logging.INFO)
    logging.root.addHandler(handler)
    logging.captureWarnings(True)
    tell("command_begins", command=command)
    try:
        yield
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        raise
    except Exception as error:  # noqa: BLE001 - a fault of the program becomes one event, whatever it is
        code = 1
        tell("fault", "critical", message=str(error), exception="".join(traceback.format_exception(error)))
        sys.exit(code)
    except BaseException:
        code = 130
        raise
    finally:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, _Lines):
                stream.end_line()
        tell("command_ends", command=command, exit_code=code, took_s=round(time.monotonic() - began_at_s, 3))
        logging.captureWarnings(False)
        logging.root.removeHandler(handler)
        sys.stdout, sys.stderr = before
        if inherited is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = inherited


class _Lines(io.TextIOBase):
    """A stream that writes each line it is given as an event; lines that are events already stay as they are."""

    def __init__(self, below: TextIO) -> None:
        self._below, self._begun, self._lock = below, "", threading.RLock()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False  # what redraws its lines would leave pieces of them

    def fileno(self) -> int:
        return self._below.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def write(self, text: str) -> int:
        with self._lock:
            *whole, self._begun = (self._begun + text).replace("\r", "\n").split("\n")
            for line in whole:
                if line.strip():
                    self.put(line if _is_event(line) else as_line("line", "info", {"message": line.rstrip()}))
        return len(text)

    def put(self, line: str) -> None:
        """Write a line that is an event."""
        with self._lock:
            self._below.write(line + "\n")
            self._below.flush()

    def flush(self) -> None:
        self._below.flush()

    def end_line(self) -> None:
        """End a line that was begun."""
        if self._begun:
            self.write("\n")


def _is_event(line: str) -> bool:
    if not line.startswith(_FIRST):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _command() -> str:
    # the arguments are left out: they name photographs
    name = sys.argv[0]
    return name if name.startswith("shutterprint ") else Path(name).name


def _plain(value: Any) -> Any:
    """Return a value that every reader of JSON takes: what is no finite number becomes a text, as do odd bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return value
