"""Ray head: submit a job to a head that may have just been started.

A head takes jobs only once it has its dashboard and its agent; until then `ray job submit` ends with a refused
connection or with status 500. So a submission that ended without a job is made again for READY_WITHIN_S. Each has an id
of its own, by which the head says whether there is such a job. Only where it says that there is none, or refuses the
connection, is a job submitted again: a head that asks for a token or does not answer in time may have it.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

READY_WITHIN_S = 180.0
"""On a machine that is busy with other work, the agent took more than one minute to start."""
PAUSE_S = 3.0
_ANSWERS_WITHIN_S = 10.0
_SUBMIT = ("ray", "job", "submit")
_ID = "--submission-id"
_USAGE = 2
"""Exit code for a wrong command line, which does not become right."""


def is_submission(arguments: Sequence[str]) -> bool:
    """Whether a command submits a Ray job whose id is left to us."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return tuple(arguments[:3]) == _SUBMIT and not any(word.startswith((_ID, "--job-id")) for word in options)


def submit(
    arguments: Sequence[str], dashboard: str, run: Callable[[Sequence[str]], int], say: Callable[[str], None]
) -> int:
    """Run `ray job submit …` until the head of `dashboard` has taken the job, and return the exit code.

    `run` runs a command and returns its exit code; `say` receives a line for people, once.
    """
    until_s, is_said = time.monotonic() + READY_WITHIN_S, False
    while True:
        job = f"shutterprint-{secrets.token_hex(8)}"
        code = run([*_SUBMIT, _ID, job, *arguments[3:]])
        if code in (0, _USAGE) or time.monotonic() > until_s or not lacks_job(dashboard, job):
            return code
        if not is_said:
            is_said = True
            say(f"the Ray head at {dashboard} takes no jobs yet; trying again for {READY_WITHIN_S:.0f} s")
        time.sleep(PAUSE_S)


def lacks_job(dashboard: str, job: str) -> bool:
    """Whether it is sure that the head has no job of this id: it says so, or nothing listens at its address."""
    address = urlsplit(dashboard)
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    try:
        connection = kind(address.netloc.rpartition("@")[2], timeout=_ANSWERS_WITHIN_S)
        with closing(connection):
            connection.request("GET", f"{address.path.rstrip('/')}/api/jobs/{job}")
            return connection.getresponse().status == HTTPStatus.NOT_FOUND
    except ConnectionRefusedError:
        return True
    except (OSError, HTTPException, ValueError):
        return False
