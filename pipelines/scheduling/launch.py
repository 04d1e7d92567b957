"""Launch: the command by which cron and systemd start a pipeline, in an environment that has next to nothing.

It has absolute paths, since cron's PATH is `/usr/bin:/bin`, and goes to the folder where the stages find what they
name. The pipeline takes its lock by itself. Refuses a folder in which a stage would not find its program.
"""

import shlex
import sys
from pathlib import Path

from corpus.configuration import Configuration
from corpus.errors import ConfigurationError
from corpus.text import escaped
from pipelines.stages import Stage, stages_of

NEEDED = {"scrapy": "scrapy.cfg", "train/main.py": "train/main.py"}
"""The file that a stage with this word needs in the working directory."""


def log_file(configuration: Configuration, name: str) -> Path:
    """Return the file to which the unattended runs of a pipeline append what they say."""
    return configuration.file.parent / "logs" / f"{name}.log"


def launch_command(configuration: Configuration, name: str, folder: Path) -> str:
    """Return the command for a POSIX shell that runs pipeline `name` in `folder` and appends to its log."""
    log = log_file(configuration, name)
    # not resolved: an environment's python is a link to a program outside the environment
    words = [sys.executable, "-m", "pipelines", "--config", str(configuration.file), "run", name]
    return (
        f"mkdir -p {shlex.quote(str(log.parent))} && cd {shlex.quote(str(folder))}"
        f" && exec {shlex.join(words)} >> {shlex.quote(str(log))} 2>&1"
    )


def scheduled(configuration: Configuration, folder: Path) -> dict[str, str]:
    """Return the schedules of all pipelines that have one, by name.

    Raises ConfigurationError where there is none, and where a stage would fail at night: because it is none of the
    product's, or because it would not find its program in `folder`.
    """
    for place in (folder, configuration.file, Path(sys.executable)):
        if not str(place).isprintable():
            raise ConfigurationError(f"{escaped(place)}: cron takes no path with such characters; rename it")
    found = {name: one.schedule for name, one in configuration.pipelines.items() if one.schedule is not None}
    if not found:
        raise ConfigurationError(
            f"{configuration.file.name}: no pipeline has a schedule; give one, such as schedule: 17 2 * * *"
        )
    for name in configuration.pipelines:
        for stage in stages_of(configuration, name):
            if name in found:
                _check_folder(name, stage, folder)
    return found


def _check_folder(name: str, stage: Stage, folder: Path) -> None:
    for word, file in NEEDED.items():
        if word in stage.arguments and not (folder / file).exists():
            raise ConfigurationError(
                f"pipelines.{name}: `{stage.command}` needs {file} in the working directory, and {folder} has none; "
                "change to the folder of Shutterprint and give the same command again"
            )
