"""Configuration: reads `pipelines.yaml` into frozen, validated models, once, when a command starts.

`read_configuration` refuses unknown keys, wrong types and values out of range, each with one sentence that names the
key's path. A stage gets its own section only. Secrets are not configuration: they come from the environment.
"""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from corpus.cameras.catalogue import BUILT_IN, Catalogue, read_catalogue
from corpus.errors import ConfigurationError
from corpus.sections import (
    Clusters,
    Consensus,
    Crawl,
    Curation,
    Demo,
    Hooks,
    Metrics,
    Pipeline,
    PipelineName,
    Recipe,
    Rules,
    Section,
    Shards,
    Sources,
    Support,
    Training,
)
from corpus.sections.recipes import resolved
from corpus.storage import Store, open_store, storage_fault
from corpus.strict_yaml import YamlError, parse_yaml
from corpus.text import escaped
from corpus.validation import read_yaml, sentences

CONFIGURATION_VARIABLE = "SHUTTERPRINT_CONFIG"
DEFAULT_FILE = "pipelines.yaml"


class Configuration(Section):
    """The whole of `pipelines.yaml`."""

    storage: str
    """Folder, as a path or as `file:///path`, or `s3://bucket/prefix`, below which every stage reads and writes. A
    relative folder starts at the configuration file's folder."""
    catalogue: str = "built-in"
    """Camera catalogue: `built-in` (corpus/cameras/cameras.yaml), or the path of a YAML file. A relative path starts at
    the configuration file's folder."""
    cameras: tuple[str, ...] | Literal["all"] | Support = "all"
    """Cameras of the data set: a list of the catalogue's keys, `all` of the catalogue, or `photos_min` and `owners_min`
    for every camera, listed or not, with enough support."""
    crawl: Crawl = Crawl()
    """How every spider behaves towards every host."""
    sources: Sources = Sources()
    """Where photographs come from."""
    rules: Rules = Rules()
    """Thresholds of the rules, and which of them apply."""
    consensus: Consensus = Consensus()
    """When a value that many owners' photographs share counts as native to their camera."""
    curation: Curation = Curation()
    """The Dask job."""
    shards: Shards = Shards()
    """The training files."""
    train: Training = Training()
    """The network, its input and its schedule."""
    recipes: dict[str, Recipe] = Field(default_factory=dict)
    """Recipes of trainings by name, beside the built-in ones; one of the same name replaces it."""
    clusters: Clusters = Clusters()
    """Where work runs."""
    metrics: Metrics = Metrics()
    """How tasks are watched."""
    pipelines: dict[PipelineName, Pipeline] = Field(default_factory=dict)
    """Named chains of stages."""
    hooks: Hooks = Hooks()
    """What the hooks of failed pipelines may do."""
    demo: Demo = Demo()
    """The simulated world of `make demo`."""

    file: Path = Field(exclude=True)
    """The file it was read from; not a key."""

    @field_validator("storage")
    @classmethod
    def _is_storage(cls, value: str) -> str:
        if fault := storage_fault(value):
            raise ValueError(fault)
        return value

    @field_validator("cameras", mode="before")
    @classmethod
    def _one_form(cls, value: Any) -> Any:
        # pydantic alone would report a fault for each of the three forms
        if isinstance(value, Mapping):
            return Support.model_validate(value)
        if value in ([], ()):
            raise ValueError("is not allowed to be empty; write `all` for every camera of the catalogue")
        if (
            isinstance(value, Support)
            or value == "all"
            or (isinstance(value, (list, tuple)) and all(isinstance(key, str) for key in value))
        ):
            return value
        raise ValueError("is not `all`, a list of the catalogue's keys, or photos_min and owners_min")

    @model_validator(mode="after")
    def _sends_to_named_hosts(self) -> Self:
        for name, pipeline in self.pipelines.items():
            webhook = None if pipeline.on_failure is None else pipeline.on_failure.webhook
            if webhook is not None and (host := urlsplit(webhook).hostname or "") not in self.hooks.hosts:
                raise ValueError(
                    f"pipelines.{name}.on_failure.webhook: its host is not allowed; write hooks: {{hosts: [{host}]}} "
                    "if that is meant"
                )
        return self

    @cached_property
    def store(self) -> Store:
        """The store that all stages share."""
        return open_store(self.storage, self.file.parent)

    @property
    def metrics_folder(self) -> Path | None:
        """The folder of the files for node_exporter, None where none are wanted."""
        folder = self.metrics.folder
        return None if folder is None else self.file.parent / Path(folder).expanduser()

    @cached_property
    def chosen(self) -> Catalogue:
        """The catalogue of the data set's cameras; open to unlisted ones where `cameras` asks for support."""
        whole = self.whole_catalogue
        return whole.only(self.cameras) if isinstance(self.cameras, tuple) else whole

    @cached_property
    def whole_catalogue(self) -> Catalogue:
        """The catalogue with every camera, chosen or not; open where `cameras` asks for support."""
        catalogue = read_catalogue(BUILT_IN if self.catalogue == "built-in" else self.file.parent / self.catalogue)
        return catalogue.opened() if isinstance(self.cameras, Support) else catalogue


def read_configuration(file: str | Path | None = None, overrides: Sequence[str] = ()) -> Configuration:
    """Read the configuration and its catalogue.

    `file`: by default the environment's SHUTTERPRINT_CONFIG, else `pipelines.yaml` in the working directory.
    `overrides`: `a.b=c` each; the value is read as YAML. `train` has the keys of its recipe, too. Raises
    ConfigurationError with one line for each fault.
    """
    path = Path(file or os.environ.get(CONFIGURATION_VARIABLE) or DEFAULT_FILE).resolve()
    tree = read_yaml(path, f"no such file; name the configuration with --config or {CONFIGURATION_VARIABLE}")
    if not isinstance(tree, dict):
        raise ConfigurationError(f"{escaped(path)}: is not a mapping of sections")
    for override in overrides:
        tree = override_key(tree, override)
    tree = resolved(tree, path.name)
    try:
        configuration = Configuration.model_validate({**tree, "file": path})
    except ValidationError as error:
        raise ConfigurationError("\n".join(sentences(path.name, error, Configuration))) from error
    if "file" in tree:
        raise ConfigurationError(f"{path.name}: file: is not a known key; look for a misspelling")
    configuration.chosen  # noqa: B018  reads the catalogue, so that a fault in it shows before any work
    return configuration


def override_key(tree: Mapping[str, Any], override: str) -> dict[str, Any]:
    """Return `tree` with one key set as `a.b=c` says; raises ConfigurationError for any other form."""
    path, separator, text = override.partition("=")
    keys = path.strip().split(".")
    if not separator or not all(keys):
        raise ConfigurationError(f"--set {override}: is not of the form section.key=value")
    try:
        value = parse_yaml(text)
    except YamlError as error:
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
