"""Submission: submits a training to a Ray head, or attaches to the job that trains the same run already.

A job's id is made from its run, so equal configuration and generation make the same id. Where a job of that id waits or
runs, its log is followed instead; where it has ended, the next one is `<id>.2`, then `<id>.3`: the records and logs of
earlier ones stay. Of two that submit at the same moment, Ray refuses one, which then follows the other's.

A head takes jobs only once it has its dashboard and its agent; until then, and while it is very busy, `ray job submit`
ends with a refused connection or with status 500 ("No available agent to submit job"). A submission that ended without
a job is made again for READY_WITHIN_S, but only where the head says that there is no such job, or refuses the
connection: a head that refuses our token or does not answer may already have the job.
"""

import sys
import time
from collections.abc import Callable, Sequence

from corpus.errors import StageError
from pipelines.jobs.head import Head, Job, NoAnswerError

READY_WITHIN_S = 180.0
"""On a machine that is busy with other work, the agent took more than one minute to start."""
PAUSE_S = 3.0
_SUBMIT = ("ray", "job", "submit")
_ID = "--submission-id"
_USAGE = 2
"""Exit code for a wrong command line, which does not become right."""

Run = Callable[[Sequence[str]], int]
Say = Callable[[str], None]


def is_submission(arguments: Sequence[str]) -> bool:
    """Whether a command submits a Ray job whose id is left to us."""
    options = _options(arguments)
    return tuple(arguments[:3]) == _SUBMIT and not any(word.startswith((_ID, "--job-id")) for word in options)


def submit(arguments: Sequence[str], name: str, head: Head, run: Run, say: Say) -> int:
    """Run `ray job submit …` until the head has taken the job, follow it to its end and return the exit code.

    `name`: the job's id, as of its run. `run` runs a command and returns its exit code; `say` receives lines for
    people. Where it is interrupted, a person at a terminal is asked whether the job shall be stopped; others are told
    how. Raises StageError where the job was stopped.
    """
    until_s, own, is_said = time.monotonic() + READY_WITHIN_S, name, False
    try:
        while True:
            own, live = _next(head, name)
            if live is None:
                code = run([*_SUBMIT, _ID, own, *arguments[3:]])
            else:
                say(f"Ray job {own} trains this run already; its log follows")
                code = run(["ray", "job", "logs", "--follow", own])
            if code == _USAGE or (code == 0 and "--no-wait" in _options(arguments)):
                return code
            job, is_sure = _found(head, own, until_s)
            if job is not None and not job.is_live:
                return _code(job)
            if job is None and (not is_sure or code == 0 or time.monotonic() > until_s):
                return code
            if job is None and not is_said:
                is_said = True
                say(f"the Ray head at {head.dashboard} takes no jobs yet; trying again for {READY_WITHIN_S:.0f} s")
            time.sleep(PAUSE_S)
    except KeyboardInterrupt:
        offer_to_stop(head, own, say)
        raise


def offer_to_stop(head: Head, name: str, say: Say) -> None:
    """Ask at a terminal whether a job that still waits or runs shall be stopped; otherwise say how to stop it."""
    try:
        job = head.job(name)
    except NoAnswerError:
        return  # it is not known whether there is one
    if job is None or not job.is_live:
        return
    if _is_confirmed(f"The Ray job {name} itself still trains. Stop it? [y/N] "):
        head.stop(name)
        say(f"Ray job {name} is being stopped; submitted again, it goes on from its last checkpoint")
    else:
        say(
            f"Ray job {name} goes on without this command: `shutterprint jobs follow {name}` attaches to its log, "
            f"`shutterprint jobs stop {name}` stops it"
        )


def _next(head: Head, name: str) -> tuple[str, Job | None]:
    """Return the id to submit under, or that of the job that waits or runs already, with that job."""
    number, own = 1, name
    try:
        while (job := head.job(own)) is not None:
            if job.is_live:
                return own, job
            number += 1
            own = f"{name}.{number}"
    except NoAnswerError:
        pass  # the submission will tell
    return own, None


def _found(head: Head, name: str, until_s: float) -> tuple[Job | None, bool]:
    """Return a job, and whether it is sure that there is none: the head says so, or nothing listens there."""
    while True:
        try:
            return head.job(name), True
        except NoAnswerError as error:
            if error.is_refused or not error.may_pass or time.monotonic() > until_s:
                return None, error.is_refused
        time.sleep(PAUSE_S)


def _code(job: Job) -> int:
    if job.state == "stopped":
        raise StageError(f"Ray job {job.id} was stopped; submitted again, it goes on from its last checkpoint")
    return 0 if job.state == "succeeded" else 1


def _options(arguments: Sequence[str]) -> Sequence[str]:
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _is_confirmed(question: str) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(question, end="", file=sys.stderr, flush=True)
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return False
