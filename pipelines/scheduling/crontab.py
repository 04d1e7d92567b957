"""Crontab: installs, removes and compares our own block of the user's crontab; all other lines stay as they are.

A block begins and ends with a line of ours that names the configuration, so that several can be installed. A line
between them belongs to us. The crontab is read and written by the system's program `crontab`, as bytes, since other
lines may be of any encoding. Refuses a crontab with a damaged block, and lines that cron would not take.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from corpus.configuration import Configuration
from corpus.errors import ConfigurationError, StageError
from corpus.text import escaped
from pipelines.scheduling.launch import launch_command, scheduled

COMMAND_MAX_BYTES = 990
"""Debian's cron takes commands of up to 999 bytes (MAX_COMMAND)."""
_TIMEOUT_S = 30.0


class _NoEndError(StageError):
    """The program `crontab` was ended; what it has done is not known."""


def block(configuration: Configuration, folder: Path) -> bytes:
    """Return the block that starts all scheduled pipelines in `folder`.

    `%` is escaped, since cron reads it as the end of a line. Raises ConfigurationError as `scheduled` does, and for a
    command that is too long for cron.
    """
    first, last = _marks(configuration)
    lines = [
        first,
        b"# Written by `shutterprint pipelines install`, which writes it anew: change pipelines.yaml instead.",
    ]
    for name, schedule in scheduled(configuration, folder).items():
        command = os.fsencode(launch_command(configuration, name, folder).replace("%", r"\%"))
        if len(command) > COMMAND_MAX_BYTES:
            raise ConfigurationError(
                f"pipelines.{name}: its crontab line would have {len(command)} bytes, and cron takes "
                f"{COMMAND_MAX_BYTES}; put Shutterprint and its configuration into folders with shorter paths"
            )
        lines.append(schedule.encode() + b" " + command)
    return b"\n".join([*lines, last]) + b"\n"


def read_crontab() -> bytes:
    """Return the user's crontab, empty where there is none; raises StageError where it cannot be read."""
    result = _crontab("-l")
    if result.returncode == 0:
        return result.stdout
    if b"no crontab for" in result.stderr:
        return b""
    raise StageError(f"`crontab -l` failed: {_told(result.stderr)}")


def write_crontab(before: bytes, after: bytes) -> None:
    """Make `after` the user's crontab.

    Raises StageError where it is no longer `before`, where cron refuses the new one, and where `crontab` does not end
    and has not written it.
    """
    if read_crontab() != before:
        raise StageError("the crontab has been changed by somebody else just now; give the same command again")
    try:
        result = _crontab("-", given=after)
    except _NoEndError as error:
        now = read_crontab()
        if now == before:
            raise StageError(f"{error}; the crontab is as it was") from error
    else:
        if result.returncode != 0:
            raise StageError(f"cron refuses the new crontab, and the old one stays: {_told(result.stderr)}")
        now = read_crontab()
    if now != after:
        raise StageError("`crontab -l` does not show what was written; look at it with `crontab -e`")


def with_block(crontab: bytes, configuration: Configuration, new: bytes) -> bytes:
    """Return a crontab with the block `new` in the place of the one that is there, else at its end."""
    before, _, after = _parts(crontab, configuration)
    if before and not before.endswith(b"\n"):
        before += b"\n"
    return before + new + after


def without_block(crontab: bytes, configuration: Configuration) -> bytes:
    """Return a crontab without our block."""
    before, _, after = _parts(crontab, configuration)
    return before + after


def installed_block(crontab: bytes, configuration: Configuration) -> bytes:
    """Return our block of a crontab, empty where there is none; raises StageError where one of its ends is missing."""
    return _parts(crontab, configuration)[1]


def notes(crontab: bytes, configuration: Configuration) -> list[str]:
    """Return what a person should know of a crontab's other lines: pipelines started twice, a key that is missing."""
    before, _, after = _parts(crontab, configuration)
    found = []
    file = os.fsencode(str(configuration.file))
    for line in (before + after).splitlines():
        if b"pipelines" in line and file in line and b" run " in line and not line.lstrip().startswith(b"#"):
            found.append(f"another line of the crontab starts a pipeline, too; remove it: {_told(line)}")
    flickr = [
        name for name, one in configuration.pipelines.items() if one.schedule and "flickr" in " ".join(one.stages)
    ]
    set_above = any(line.lstrip().startswith(b"FLICKR_API_KEY") for line in before.splitlines())
    if flickr and not set_above:
        found.append(
            f"{flickr[0]} crawls Flickr: put a line FLICKR_API_KEY=… above the block, with `crontab -e`; cron knows "
            "nothing of your shell's variables"
        )
    return found


def is_cron_running() -> bool | None:
    """Whether a cron daemon runs on this machine; None where that is not known."""
    names = Path("/proc").glob("[0-9]*/comm")
    if not Path("/proc/self/comm").exists():
        return None
    return any(_text_of(name) in ("cron", "crond", "fcron", "anacron") for name in names)


def _parts(crontab: bytes, configuration: Configuration) -> tuple[bytes, bytes, bytes]:
    """Return what is before our block, the block, and what is after it."""
    first, last = _marks(configuration)
    lines = crontab.splitlines(keepends=True)
    plain = [line.rstrip(b"\r\n") for line in lines]
    begins, ends = ([number for number, line in enumerate(plain) if line == mark] for mark in (first, last))
    if not begins and not ends:
        return crontab, b"", b""
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        raise StageError(
            "the crontab has a damaged block of Shutterprint; put it right with `crontab -e`: remove the lines "
            f"{_told(first)} and {_told(last)} and all lines that start these pipelines"
        )
    start, end = begins[0], ends[0] + 1
    return b"".join(lines[:start]), b"".join(lines[start:end]), b"".join(lines[end:])


def _marks(configuration: Configuration) -> tuple[bytes, bytes]:
    file = os.fsencode(str(configuration.file))
    return b"# >>> shutterprint " + file, b"# <<< shutterprint " + file


def _crontab(*words: str, given: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
    program = shutil.which("crontab")
    if program is None:
        raise StageError(
            "there is no program `crontab` on this machine; install cron (Debian: apt-get install cron), or use "
            "systemd: shutterprint pipelines show --systemd"
        )
    environment = {**os.environ, "LC_ALL": "C"}  # the sentence that there is no crontab, in English
    try:
        return subprocess.run(
            [program, *words], input=given, env=environment, capture_output=True, check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise _NoEndError(f"`crontab {' '.join(words)}` has not ended within {_TIMEOUT_S:.0f} s") from error


def _told(text: Sequence[int] | bytes) -> str:
    return escaped(bytes(text).decode("utf-8", "surrogateescape").strip())


def _text_of(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # it has ended since
        return ""
