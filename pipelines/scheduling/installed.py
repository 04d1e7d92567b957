"""Installed: whether cron or systemd starts a pipeline at the times of the configuration, as their files say."""

import os
from dataclasses import dataclass
from pathlib import Path

from corpus.configuration import Configuration
from corpus.errors import StageError
from pipelines.scheduling import crontab, systemd

CRON, SYSTEMD = "the crontab", "systemd"


@dataclass(frozen=True, slots=True)
class Installation:
    """What starts a pipeline. Nothing asks whether a timer is enabled, or whether a daemon runs."""

    is_installed: bool | None
    """Whether it is started at the times of the configuration; None where neither cron nor systemd can be asked."""
    by: str = ""
    """CRON or SYSTEMD: which of them has it."""
    has_other_schedule: bool = False
    """Whether `by` has it at other times, or at any where the configuration has none."""


def installation(configuration: Configuration, name: str) -> Installation:
    """Return what starts a pipeline: a line of our block in the crontab, else a timer unit of this user."""
    schedule = configuration.pipelines[name].schedule
    lines, units = _cron_lines(configuration, name), units_folder()
    if lines:
        is_same = schedule is not None and any(line.startswith(f"{schedule} ".encode()) for line in lines)
        return Installation(is_same, CRON, not is_same)
    timer = units / f"{systemd.unit_name(configuration, name)}.timer"
    if timer.is_file():
        is_same = schedule is not None and systemd.description(name, schedule) in _text_of(timer).splitlines()
        return Installation(is_same, SYSTEMD, not is_same)
    return Installation(None if lines is None and not units.is_dir() else False)


def units_folder() -> Path:
    """Return the folder in which systemd looks for the units of this user (systemd.unit(5))."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "systemd" / "user"


def _cron_lines(configuration: Configuration, name: str) -> list[bytes] | None:
    """Return the lines of our block that start a pipeline; None where the crontab cannot be read."""
    try:
        block = crontab.installed_block(crontab.read_crontab(), configuration)
    except StageError:  # no cron on this machine, or a damaged block, of which `show` tells
        return None
    return [line for line in block.splitlines() if f" run {name} ".encode() in line and not line.startswith(b"#")]


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
