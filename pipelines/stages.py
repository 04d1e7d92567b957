"""Stages: parses a stage's command into its argument list and the receipt that proves its success.

Refuses commands that are not this product's, before anything runs.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from corpus.configuration import Configuration
from corpus.errors import ConfigurationError
from crawlers.windows.work_units import WorkShare, parse_work_share

_SPIDERS = ("flickr", "wikimedia", "folder", "manifest")
_KNOWN = (
    "`scrapy crawl SPIDER`, `python -m curation.run`, `ray job submit … -- python train/main.py` or "
    "`python -m pipelines.prune`"
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a pipeline."""

    command: str
    """As written in the configuration."""
    arguments: tuple[str, ...]
    """The argument list with `{config}` replaced; never run through a shell."""
    receipt: str
    """Name of the receipt that the stage writes last."""


def parse_stage(command: str, configuration_file: Path) -> Stage:
    """Return the stage of a command, with `{config}` replaced by the configuration file's path.

    Raises ConfigurationError for a command that is not one of the product's stages.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigurationError(f"pipelines: stage {command!r}: {error}") from error
    arguments = tuple(word.replace("{config}", str(configuration_file)) for word in words)
    return Stage(command, arguments, _receipt(command, words))


def stages_of(configuration: Configuration, name: str) -> list[Stage]:
    """Return the stages of a pipeline; raises ConfigurationError for an unknown name or stage."""
    if name not in configuration.pipelines:
        known = ", ".join(configuration.pipelines) or "none"
        raise ConfigurationError(f"{configuration.file.name}: pipelines: there is no {name!r}, only {known}")
    return [parse_stage(command, configuration.file) for command in configuration.pipelines[name].stages]


def _receipt(command: str, words: list[str]) -> str:
    if words[:3] == ["ray", "job", "submit"] and "--" in words:
        words = words[words.index("--") + 1 :]
    if words[:2] == ["scrapy", "crawl"] and len(words) > 2 and words[2] in _SPIDERS:
        parts = [word.removeprefix("part=") for word in words if word.startswith("part=")]
        return (parse_work_share(parts[-1]) if parts else WorkShare()).receipt(words[2])
    if words[:3] == ["python", "-m", "curation.run"]:
        return "curation"
    if words[:3] == ["python", "-m", "pipelines.prune"] and "--dry-run" not in words:
        return "prune"
    if words[:2] == ["python", "train/main.py"]:
        return "train"
    raise ConfigurationError(f"pipelines: stage {command!r} is not one of {_KNOWN}")
