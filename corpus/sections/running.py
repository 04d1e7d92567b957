"""Sections of where and when work runs, and how it is watched: clusters, metrics, pipelines, the demo."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from corpus.sections.section import Section
from corpus.validation import crontab_schedule, host_names, matching, web_address, webhook_address


class Clusters(Section):
    """Where work runs."""

    dask_scheduler: str | None = None
    """Address of a Dask scheduler, e.g. `tcp://10.0.0.5:8786`; null: a cluster on this machine."""
    ray_dashboard: str = "http://127.0.0.1:8265"
    """Address of the Ray dashboard that `ray job submit` talks to."""

    _check_scheduler = field_validator("dask_scheduler")(
        matching(r"([a-z]+://)?[^\s/]+:\d+/?", "an address like tcp://10.0.0.5:8786")
    )
    _check_dashboard = field_validator("ray_dashboard")(web_address("http://127.0.0.1:8265"))


class Hooks(Section):
    """What the hooks of failed pipelines may do."""

    hosts: tuple[str, ...] = ()
    """Hosts to which webhooks may be sent, e.g. `[hooks.example.org]`."""
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    """Seconds after which a hook is ended."""

    _check_hosts = field_validator("hosts")(host_names)


class OnFailure(Section):
    """What is done when a run of a pipeline fails: a command or a webhook."""

    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """A program and its arguments, run without a shell. What failed is in its environment (`SHUTTERPRINT_PIPELINE`,
    `SHUTTERPRINT_STAGE`, `SHUTTERPRINT_ERROR` …) and as JSON on its standard input."""
    webhook: str | None = None
    """An address to which the same JSON is sent by POST; `hooks.hosts` must name its host."""

    _check_webhook = field_validator("webhook")(webhook_address)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.command is None) == (self.webhook is None):
            raise ValueError("needs a command or a webhook, one of the two")
        return self


Port = Annotated[int, Field(ge=1, le=65535)]


class Metrics(Section):
    """Figures for Prometheus: of tasks that run long at an address, of any task in files for its node_exporter."""

    folder: str | None = None
    """Folder of the textfile collector of node_exporter; null: no files. A relative folder starts at the configuration
    file's folder. Each storage needs a folder of its own."""
    address: str = "127.0.0.1"
    """Address at which tasks answer. Whoever reaches it reads counts and times, without a password."""
    crawl_port: Port | None = None
    """Port of a crawl; null: none. Of several crawls at once, the first has it."""
    curation_port: Port | None = None
    """Port of curation; null: none. Dask's own metrics are at its dashboard, `/metrics`."""
    train_port: Port | None = None
    """Port of a training; null: none. Ray's own metrics are those of its dashboard agent."""


class Pipeline(Section):
    """A named chain of stages."""

    schedule: str | None = None
    """The five fields of a crontab line, in the time zone of cron; null: the pipeline is only run by hand."""
    stages: Annotated[tuple[str, ...], Field(min_length=1)]
    """Commands as a person would type them, in order; `{config}` is the configuration file's path."""
    rounds: Annotated[int, Field(ge=1, le=5)] = 1
    """How often the stages up to curation run at most: again where curation has learned that photographs are wanted
    which the crawl has refused."""

    on_failure: OnFailure | None = None
    """What is done when a run fails: `{command: [program, argument]}` or `{webhook: https://…}`; null: nothing."""

    _check_schedule = field_validator("schedule")(crontab_schedule)


PipelineName = Annotated[
    str,
    AfterValidator(matching(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}", "a name of letters, digits, hyphens and underscores")),
]
"""Names of files and of systemd's units are made of it."""


class Demo(Section):
    """The simulated world of `make demo`, and the keys it changes in a copy of this configuration."""

    photos_per_device: Annotated[int, Field(ge=2, le=1000)] = 18
    """Genuine photographs of each of the forty-eight simulated devices; a third as many spoilt ones are added."""
    seed: Annotated[int, Field(ge=0)] = 2018
    """Seed of everything that is simulated."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Sections and keys as in this file; they are checked when the demo's copy is read."""
