"""Head: asks a Ray head of its jobs, over the HTTP interface of its dashboard, and has it stop one.

Ray itself is not needed for it. A token is sent as Ray's own command line sends it: from RAY_AUTH_TOKEN, else from the
file RAY_AUTH_TOKEN_PATH, else from `~/.ray/auth_token`, and no token where RAY_AUTH_MODE is `disabled`; RAY_JOB_HEADERS
may add others. Interface: "Ray Jobs REST API" of Ray's documentation.
"""

import json
import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from corpus.errors import ShutterprintError

_ANSWERS_WITHIN_S = 10.0


class NoAnswerError(ShutterprintError):
    """The head did not answer what it was asked."""

    def __init__(self, text: str, *, is_refused: bool = False, may_pass: bool = True) -> None:
        super().__init__(text)
        self.is_refused = is_refused
        """Whether nothing listens at its address."""
        self.may_pass = may_pass
        """Whether to ask again is of use: not where it wants a token."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job that was submitted to a head."""

    id: str
    state: str
    """`pending`, `running`, `stopped`, `succeeded` or `failed`."""
    entrypoint: str
    since_s: float
    """When it was begun, in seconds since 1970."""
    message: str

    @property
    def is_live(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("pending", "running")


@dataclass(frozen=True, slots=True)
class Head:
    """A Ray head, by the address of its dashboard."""

    dashboard: str

    def jobs(self) -> list[Job]:
        """Return all jobs that were submitted, the oldest first; raises NoAnswerError."""
        status, value = self._asked("GET", "")
        if status != HTTPStatus.OK or not isinstance(value, list):
            raise self._unexpected(status)
        found = [_job(each) for each in value if isinstance(each, Mapping) and each.get("submission_id")]
        return sorted(found, key=lambda job: (job.since_s, job.id))

    def job(self, name: str) -> Job | None:
        """Return the job with this submission id, None where the head says that there is none; raises NoAnswerError."""
        status, value = self._asked("GET", name)
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status != HTTPStatus.OK or not isinstance(value, Mapping):
            raise self._unexpected(status)
        return _job(value)

    def stop(self, name: str) -> None:
        """Have the head stop a job, which takes seconds; raises NoAnswerError where it does not take that."""
        status, _ = self._asked("POST", f"{name}/stop")
        if status != HTTPStatus.OK:
            raise self._unexpected(status)

    def _asked(self, method: str, name: str) -> tuple[int, Any]:
        address = urlsplit(self.dashboard)
        kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
        nobody = f"no Ray head answers at {self.dashboard}"
        path = f"{address.path.rstrip('/')}/api/jobs/{quote(name)}"
        try:
            with closing(kind(address.netloc.rpartition("@")[2], timeout=_ANSWERS_WITHIN_S)) as connection:
                connection.request(method, path, headers=_headers())
                response = connection.getresponse()
                status, body = response.status, response.read()
        except ConnectionRefusedError as error:
            raise NoAnswerError(f"{nobody}; start it, or correct clusters.ray_dashboard", is_refused=True) from error
        except (OSError, HTTPException, ValueError) as error:
            raise NoAnswerError(f"{nobody}: {error}; look after it, or correct clusters.ray_dashboard") from error
        try:
            return status, json.loads(body)
        except ValueError:
            return status, None

    def _unexpected(self, status: int) -> NoAnswerError:
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return NoAnswerError(
                f"the Ray head at {self.dashboard} wants another token (status {status}); give it as RAY_AUTH_TOKEN",
                may_pass=False,
            )
        return NoAnswerError(f"the Ray head at {self.dashboard} answers with status {status}")


def _job(value: Mapping[str, Any]) -> Job:
    return Job(
        str(value.get("submission_id") or ""),
        str(value.get("status") or "").lower(),
        str(value.get("entrypoint") or ""),
        float(value.get("start_time") or 0) / 1000,
        str(value.get("message") or ""),
    )


def _headers() -> dict[str, str]:
    try:
        added = json.loads(os.environ.get("RAY_JOB_HEADERS", "{}"))
    except ValueError:
        added = {}
    headers = {str(key): str(value) for key, value in added.items()} if isinstance(added, dict) else {}
    if any(key.lower() == "authorization" for key in headers):
        return headers
    token = _token()
    return {**headers, "Authorization": f"Bearer {token}"} if token else headers


def _token() -> str:
    if os.environ.get("RAY_AUTH_MODE", "").lower() == "disabled":
        return ""
    if token := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return token
    path = os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token"
    try:
        return Path(path).expanduser().read_text().strip()
    except (OSError, ValueError, RuntimeError):
        return ""
