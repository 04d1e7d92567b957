"""Configuration: `pipelines.yaml` in, frozen and validated models out; it is read once, at a command's start.

`read_configuration` refuses unknown keys, wrong types and values out of range with one sentence each that
names the key's path. A stage gets its own section. Secrets are not configuration: they come from the environment.
"""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from corpus.catalogue import BUILT_IN, Catalogue, read_catalogue
from corpus.errors import ConfigurationError
from corpus.sections import (
    Clusters,
    Consensus,
    Crawl,
    Curation,
    Demo,
    Pipeline,
    Rules,
    Section,
    Shards,
    Sources,
    Support,
    Training,
)
from corpus.storage import Store, open_store
from corpus.validation import sentences

CONFIGURATION_VARIABLE = "SHUTTERPRINT_CONFIG"
DEFAULT_FILE = "pipelines.yaml"


class Configuration(Section):
    """The whole of `pipelines.yaml`."""

    storage: str
    """Folder or `s3://bucket/prefix` below which every stage reads and writes; a relative folder is taken
    from the folder of the configuration file."""
    catalogue: str = "built-in"
    """Camera catalogue: `built-in`, or a file's path, relative ones from the configuration file's folder."""
    cameras: tuple[str, ...] | Literal["all"] | Support = "all"
    """Keys of the cameras that enter the data set, `all` of the catalogue, or every camera with enough support."""
    crawl: Crawl = Crawl()
    sources: Sources = Sources()
    rules: Rules = Rules()
    consensus: Consensus = Consensus()
    curation: Curation = Curation()
    shards: Shards = Shards()
    train: Training = Training()
    clusters: Clusters = Clusters()
    pipelines: dict[str, Pipeline] = Field(default_factory=dict)
    demo: Demo = Demo()

    file: Path = Field(exclude=True)
    """Where it was read; not a key."""

    @field_validator("cameras", mode="before")
    @classmethod
    def _one_of_three(cls, value: Any) -> Any:
        # one sentence for the form that is meant, instead of one for each form that it is not
        if isinstance(value, Mapping):
            return Support.model_validate(value)
        if (
            isinstance(value, Support)
            or value == "all"
            or (isinstance(value, (list, tuple)) and all(isinstance(key, str) for key in value))
        ):
            return value
        raise ValueError("is not `all`, a list of the catalogue's keys, or photos_min and owners_min")

    @cached_property
    def store(self) -> Store:
        """The store of all stages."""
        return open_store(self.storage, self.file.parent)

    @cached_property
    def chosen(self) -> Catalogue:
        """The catalogue's cameras that enter the data set; open to unlisted ones where `cameras` asks for support."""
        whole = self.whole_catalogue
        if isinstance(self.cameras, Support):
            return whole
        return whole if self.cameras == "all" else whole.only(self.cameras)

    @cached_property
    def whole_catalogue(self) -> Catalogue:
        """Every camera of the catalogue, chosen or not; open where `cameras` asks for support alone."""
        catalogue = read_catalogue(BUILT_IN if self.catalogue == "built-in" else self.file.parent / self.catalogue)
        return catalogue.opened() if isinstance(self.cameras, Support) else catalogue


def read_configuration(file: str | Path | None = None, overrides: Sequence[str] = ()) -> Configuration:
    """Read the configuration, whole.

    `file`: default is the environment's SHUTTERPRINT_CONFIG, else `pipelines.yaml` of the working directory.
    `overrides`: `a.b=c` each, the value read as YAML. Raises ConfigurationError with one line a fault;
    the catalogue is read as well, so that nothing is found wrong only after hours of work.
    """
    path = Path(file or os.environ.get(CONFIGURATION_VARIABLE) or DEFAULT_FILE).resolve()
    tree = _read_tree(path)
    for override in overrides:
        tree = override_key(tree, override)
    try:
        configuration = Configuration.model_validate({**tree, "file": path})
    except ValidationError as error:
        raise ConfigurationError("\n".join(sentences(path.name, error, Configuration))) from error
    if "file" in tree:
        raise ConfigurationError(f"{path.name}: file: is not a known key; look for a misspelling")
    configuration.chosen  # noqa: B018  reads the catalogue now: a fault there stops before any work
    return configuration


def override_key(tree: Mapping[str, Any], override: str) -> dict[str, Any]:
    """Return `tree` with the key of one `a.b=c` set; raises ConfigurationError where that is not its form."""
    path, separator, text = override.partition("=")
    keys = path.strip().split(".")
    if not separator or not all(keys):
        raise ConfigurationError(f"--set {override}: is not of the form section.key=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"--set {override}: the value is not YAML: {error}") from error
    return _with_value(tree, keys, value, override)


def _with_value(tree: Mapping[str, Any], keys: list[str], value: Any, override: str) -> dict[str, Any]:
    first, rest = keys[0], keys[1:]
    if not rest:
        return {**tree, first: value}
    below = tree.get(first, {})
    if not isinstance(below, Mapping):
        raise ConfigurationError(f"--set {override}: {first} is a value, not a section")
    return {**tree, first: _with_value(below, rest, value, override)}


def _read_tree(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path}: no such file; name the configuration with --config or {CONFIGURATION_VARIABLE}"
        ) from error
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigurationError(f"{path}: is not a mapping of sections")
    return tree
