"""Deployment: the same page on Ray Serve, whose examinations run on many machines.

`shutterprint serve --ray` runs it (`examiner.web.cluster.serving`). `application` is for Ray's own commands and for
KubeRay: `import_path: examiner.web.cluster.deployment:application` and, as `args`, the fields of `Settings`.

One replica answers the page and holds the files for their minutes; `examiners` replicas examine, each in a sandbox of
its own. Ray Serve itself takes the connections and limits none that has not sent its header.
"""

import os
from contextlib import ExitStack
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from ray import serve

from corpus.configuration import read_configuration
from corpus.errors import ConfigurationError
from examiner.sandbox.confined import TIMEOUT_S
from examiner.sandbox.worker import Sandbox
from examiner.web.app import build
from examiner.web.gate.access import TOKEN_MIN_CHARACTERS, TOKEN_VARIABLE, Access, access_for
from examiner.web.gate.guard import Guard
from examiner.web.limits import Limits
from examiner.web.names import knows_of

_EXAMINERS = "Examiners"
_QUIET = {"enable_access_log": False}
"""Addresses hold the keys of examinations, and whoever has one reads the report."""


class Settings(BaseModel):
    """What Ray Serve's configuration files, and the arguments of `serve run`, may set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: str
    overrides: tuple[str, ...] = ()
    """Changes of the configuration, `a.b=c` each."""
    generation: str | None = None
    run: str | None = None
    private: bool = False
    """Whether places, serial numbers and names of people are shown."""
    examiners: int = Field(1, ge=1)
    upload_mb: int = Field(64, ge=1)
    keep_minutes: float = Field(15, gt=0)
    hosts: str = ""
    """Names by which browsers reach the page, with commas between them."""

    @property
    def limits(self) -> Limits:
        """What the page takes at most."""
        return Limits(
            upload_max_bytes=self.upload_mb << 20, kept_s=self.keep_minutes * 60,
            examinations_at_once=self.examiners, waiting=4 * self.examiners,
        )  # fmt: skip


class Examiners:
    """One sandbox, which examines one file at a time."""

    def __init__(self, settings: Settings) -> None:
        """Start the sandbox."""
        self._known = ExitStack()
        self._sandbox = self._known.enter_context(
            Sandbox(
                corpus=settings.generation, run=settings.run, configuration=settings.config,
                overrides=settings.overrides, private=settings.private,
            )
        )  # fmt: skip

    def examine(self, data: bytes, name: str) -> dict[str, Any]:
        """Return a file's report as plain data."""
        return self._sandbox.examine(data, name)


def application(settings: Settings) -> serve.Application:
    """Return the application for Ray Serve's own commands; clients need the token of the cluster's environment."""
    return deployed(settings, None)


def deployed(settings: Settings, access: Access | None) -> serve.Application:
    """Return the application that Serve runs; `access`: who may ask, None for those who know the cluster's token."""

    def page() -> Guard:
        configuration = read_configuration(settings.config, settings.overrides)
        knows = knows_of(configuration.store, settings.generation, settings.run)
        examiners: Any = serve.get_deployment_handle(_EXAMINERS)

        def examined(data: bytes, name: str) -> dict[str, Any]:
            report: dict[str, Any] = examiners.examine.remote(data, name).result(timeout_s=3 * TIMEOUT_S)
            return report

        return build(examined, configuration, access or _with_token(settings), settings.limits, knows)

    class Page:
        """The page, which waits for the examiners to start."""

        def __init__(self, examiners: Any) -> None:
            self.examiners = examiners

    # decorators without their form of `@`: they change what a class is, which types do not say
    examiners: Any = serve.deployment(name=_EXAMINERS, max_ongoing_requests=1, logging_config=_QUIET)(Examiners)
    ingress: Any = serve.ingress(page)(Page)
    paged: Any = serve.deployment(
        name="Page", max_ongoing_requests=settings.limits.requests_at_once, logging_config=_QUIET,
        ray_actor_options={"num_cpus": 0},  # it mostly waits, so every CPU is an examiner's
    )(ingress)  # fmt: skip
    bound: serve.Application = paged.bind(examiners.options(num_replicas=settings.examiners).bind(settings))
    return bound


def _with_token(settings: Settings) -> Access:
    token = os.environ.get(TOKEN_VARIABLE, "")
    if len(token) < TOKEN_MIN_CHARACTERS:
        raise ConfigurationError(f"{TOKEN_VARIABLE} must have at least {TOKEN_MIN_CHARACTERS} characters")
    names = tuple(name for name in settings.hosts.split(",") if name)
    return access_for("0.0.0.0", names, token)  # noqa: S104
