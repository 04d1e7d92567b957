"""Crontab: writes the crontab lines of the pipelines that have a schedule, for a person to install."""

import shlex
import sys
from pathlib import Path

from corpus.configuration import Configuration


def crontab_lines(configuration: Configuration, folder: Path) -> list[str]:
    """Return the crontab of all scheduled pipelines, run from `folder`.

    Paths are absolute, since cron's PATH is `/usr/bin:/bin`; `%` is escaped, since cron reads it as the end of a line.
    """
    lines = [
        "# Shutterprint. Add these lines to your crontab with `crontab -e`; `crontab -` would replace all others.",
        "# Put secrets such as FLICKR_API_KEY=… above them.",
    ]
    for name, pipeline in configuration.pipelines.items():
        if pipeline.schedule is None:
            continue
        log = configuration.file.parent / "logs" / f"{name}.log"
        command = (
            f"mkdir -p {_quoted(log.parent)} && cd {_quoted(folder)} && {_quoted(sys.executable)} -m pipelines"
            f" --config {_quoted(configuration.file)} run {shlex.quote(name)} >> {_quoted(log)} 2>&1"
        )
        lines.append(f"{pipeline.schedule} {command}".replace("%", r"\%"))
    return lines


def _quoted(path: Path | str) -> str:
    return shlex.quote(str(path))
