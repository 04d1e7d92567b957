"""Deployment: the same page on Ray Serve, whose examinations run on many machines.

`serve run --name shutterprint examiner.web.deployment:application config=/path/pipelines.yaml run=latest examiners=8`

The name is that by which the page finds its examiners.

One replica answers the page and holds the files for their minutes; `examiners` replicas examine, each in a sandbox of
its own. Needs the extra `serve`, and SHUTTERPRINT_TOKEN in the environment of the cluster. What limits connections that
have not sent their header is Ray Serve's own, so slow clients are for a proxy before it.
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
from examiner.web.gate.access import TOKEN_MIN_CHARACTERS, TOKEN_VARIABLE, access_for
from examiner.web.gate.guard import Guard
from examiner.web.limits import Limits
from examiner.web.names import knows_of

_EXAMINERS = "Examiners"
_APPLICATION = "shutterprint"


class Settings(BaseModel):
    """What `serve run` and Serve's configuration files may set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: str
    generation: str | None = None
    run: str | None = None
    examiners: int = Field(1, ge=1)
    hosts: str = ""
    """Names by which browsers reach the page, with commas between them."""


class Examiners:
    """One sandbox, which examines one file at a time."""

    def __init__(self, settings: Settings) -> None:
        """Start the sandbox."""
        known = ExitStack()
        self._sandbox = known.enter_context(
            Sandbox(corpus=settings.generation, run=settings.run, configuration=settings.config)
        )

    def examine(self, data: bytes, name: str) -> dict[str, Any]:
        """Return a file's report as plain data."""
        return self._sandbox.examine(data, name)


def application(settings: Settings) -> serve.Application:
    """Return the application that Serve runs."""

    def page() -> Guard:
        token = os.environ.get(TOKEN_VARIABLE, "")
        if len(token) < TOKEN_MIN_CHARACTERS:
            raise ConfigurationError(f"{TOKEN_VARIABLE} must have at least {TOKEN_MIN_CHARACTERS} characters")
        configuration = read_configuration(settings.config)
        names = tuple(name for name in settings.hosts.split(",") if name)
        limits = Limits(examinations_at_once=settings.examiners, waiting=4 * settings.examiners)
        knows = knows_of(configuration.store, settings.generation, settings.run)
        return build(_examined, configuration, access_for("0.0.0.0", names, token), limits, knows)  # noqa: S104

    class Page:
        """The page, which waits for the examiners to start."""

        def __init__(self, examiners: Any) -> None:
            self.examiners = examiners

    # decorators without their form of `@`: they change what a class is, which types do not say
    examiners: Any = serve.deployment(name=_EXAMINERS, max_ongoing_requests=1)(Examiners)
    ingress: Any = serve.ingress(page)(Page)
    paged: Any = serve.deployment(name="Page", max_ongoing_requests=Limits().requests_at_once)(ingress)
    bound: serve.Application = paged.bind(examiners.options(num_replicas=settings.examiners).bind(settings))
    return bound


def _examined(data: bytes, name: str) -> dict[str, Any]:
    handle = serve.get_deployment_handle(_EXAMINERS, _APPLICATION)
    report: dict[str, Any] = handle.examine.remote(data, name).result(timeout_s=3 * TIMEOUT_S)
    return report
