"""systemd: the service and timer units that start pipelines where systemd is used instead of cron.

A timer's OnCalendar lines come from the same five fields as the crontab's line, so both start at the same times, but
for the days on which clocks change (systemd.time(7)). Unlike cron, a timer makes up for a start that was missed while
the machine was off. Pure, but for `faults`, which asks systemd-analyze.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from corpus.configuration import Configuration
from pipelines.scheduling.launch import launch_command, scheduled
from pipelines.scheduling.schedule import Schedule, parse_schedule

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_ALL_DAYS, _ALL_WEEKDAYS, _ALL_MONTHS = 31, 7, 12
_TIMEOUT_S = 60.0
STOP_S = 120
"""Time that a stopped pipeline has to end its stage."""

_SERVICE = """[Unit]
Description=Shutterprint pipeline {name}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={folder}
EnvironmentFile=-%h/.config/shutterprint.env
ExecStart=/bin/sh -c {command}
KillMode=mixed
TimeoutStopSec={stop_s}
"""
_TIMER = """[Unit]
{description}

[Timer]
{calendar}
Persistent=true
AccuracySec=1s

[Install]
WantedBy=timers.target
"""
INSTALL = "# `shutterprint pipelines install --systemd` writes them into ~/.config/systemd/user."
HOW_TO = """# To have systemd start them:
#   systemctl --user daemon-reload && systemctl --user enable --now {timers}
#   loginctl enable-linger    (so that they run while nobody is logged in)
# Secrets, a line FLICKR_API_KEY=… each, go into ~/.config/shutterprint.env, readable by you alone (chmod 600)."""


def unit_name(configuration: Configuration, name: str) -> str:
    """Return the name of a pipeline's units, which no other configuration's pipeline has."""
    digest = hashlib.sha256(os.fsencode(configuration.file)).hexdigest()[:8]
    return f"shutterprint-{name}-{digest}"


def description(name: str, schedule: str) -> str:
    """Return the line of a timer that says what it starts and when."""
    return f"Description=Shutterprint pipeline {_plain(name)}: {_plain(schedule)}"


def units(configuration: Configuration, folder: Path) -> dict[str, str]:
    """Return the text of each unit by its file's name; raises ConfigurationError as `scheduled` does."""
    found = {}
    for name, schedule in scheduled(configuration, folder).items():
        command = launch_command(configuration, name, folder)
        calendar = "\n".join(f"OnCalendar={line}" for line in calendar_lines(parse_schedule(schedule)))
        unit = unit_name(configuration, name)
        found[f"{unit}.service"] = _SERVICE.format(
            name=_plain(name), folder=_plain(str(folder)), command=_quoted(command), stop_s=STOP_S
        )
        found[f"{unit}.timer"] = _TIMER.format(description=description(name, schedule), calendar=calendar)
    return found


def calendar_lines(schedule: Schedule) -> list[str]:
    """Return the OnCalendar expressions that together have the starts of a schedule."""
    time = f"{_list(schedule.hours, 24)}:{_list(schedule.minutes, 60)}:00"
    months = _list(schedule.months, _ALL_MONTHS)
    days, weekdays = _list(schedule.days, _ALL_DAYS), ",".join(_DAYS[day] for day in schedule.weekdays)
    weekdays = "" if len(schedule.weekdays) == _ALL_WEEKDAYS else f"{weekdays} "
    if schedule.is_any_day:
        return [f"{weekdays}*-{months}-{days} {time}"]
    return [f"*-{months}-{days} {time}", f"{weekdays}*-{months}-* {time}"]


def faults(texts: Mapping[str, str]) -> str | None:
    """Return what systemd-analyze finds wrong with units, empty for nothing; None where it is not installed."""
    program = shutil.which("systemd-analyze")
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="shutterprint-units-") as place:
        files = [Path(place) / name for name in texts]
        for file, text in zip(files, texts.values(), strict=True):
            file.write_text(text, encoding="utf-8")
        command = [program, "verify", "--user", "--man=no", "--recursive-errors=no", *map(str, files)]
        # without a session, as in cron or a container, there is no folder of the user's to look into
        environment = {"XDG_RUNTIME_DIR": place, **os.environ}
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    return "" if result.returncode == 0 else result.stderr.replace(f"{place}/", "").strip()


def _list(numbers: Iterable[int], of: int) -> str:
    numbers = tuple(numbers)
    return "*" if len(numbers) == of else ",".join(f"{number:02d}" for number in numbers)


def _plain(text: str) -> str:
    """Return a text as a value of a unit: systemd reads % as the beginning of a specifier."""
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """Return a text as one quoted argument of ExecStart (systemd.syntax(7), systemd.service(5))."""
    return '"' + _plain(text).replace("\\", r"\\").replace('"', r"\"").replace("$", "$$") + '"'
