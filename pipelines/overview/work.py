"""Work: pipelines with their last run and schedule, and jobs on the Ray cluster.

This is the one place that says of pipelines when they are due, and of jobs what can be done with them.
"""

import json
from http.client import HTTPException
from typing import Any
from urllib.request import Request, urlopen

from corpus.configuration import Configuration
from corpus.text import escaped, one_line
from pipelines.lock import is_held
from pipelines.overview.part import Advice, Part, ago

_ANSWERS_WITHIN_S = 2.0
_MOST_BYTES = 4 << 20
_UNFINISHED = ("PENDING", "RUNNING")
_TEXT = 60


def pipelines_part(configuration: Configuration, now_s: float) -> Part:
    """Return the pipelines: how far the last run came, and whether one runs now."""
    store, rows, data, advice = configuration.store, [], {}, list[Advice]()
    for name, pipeline in configuration.pipelines.items():
        path = f"receipts/pipeline-{name}.json"
        state = store.read_json(path) if store.exists(path) else None
        at_s, runs = (store.modified_at_s(path) if state else None), is_held(store, name)
        stages = [] if state is None else list(state["stages"])
        done = 0 if state is None else len(state["receipts"])
        stopped = state is not None and not state["finished"] and not runs
        how = "runs now" if runs else "never run" if state is None else "finished" if state["finished"] else "stopped"
        at = f"{done} of {len(stages)} stages" if state is not None else ""
        rows.append((escaped(name), pipeline.schedule or "by hand", how, at, ago(at_s, now_s)))
        data[name] = {
            "schedule": pipeline.schedule, "state": how, "stages": stages, "stages_done": done, "at_s": at_s,
        }  # fmt: skip
        if stopped:
            what = f"pipeline {escaped(name)} stopped in `{escaped(stages[done])}`"
            advice.append(Advice(what, f"shutterprint pipelines run {escaped(name)}  (it goes on with that stage)"))
    columns = ("pipeline", "schedule", "last run", "came to", "last written") if rows else ()
    return Part("Pipelines", columns, rows, [] if rows else ["none in the configuration"], data, advice)


def jobs_part(configuration: Configuration, now_s: float) -> Part:
    """Return the jobs of the Ray cluster that have not ended; that no head answers is no fault."""
    dashboard = configuration.clusters.ray_dashboard
    try:
        jobs = _jobs(dashboard)
    except (OSError, HTTPException, ValueError) as error:
        note = f"no Ray head answers at {dashboard} ({one_line(str(error), _TEXT)})"
        return Part("Jobs", notes=[note], data={"dashboard": dashboard, "jobs": None})
    rows = [
        (escaped(each["id"]), each["status"], one_line(each["entrypoint"], _TEXT), ago(each["began_at_s"], now_s))
        for each in jobs
    ]
    columns = ("job", "status", "command", "began") if rows else ()
    notes = [] if rows else [f"none runs or waits at {dashboard}"]
    return Part("Jobs", columns, rows, notes, {"dashboard": dashboard, "jobs": jobs})


def _jobs(dashboard: str) -> list[dict[str, Any]]:
    """Return the jobs that wait or run (https://docs.ray.io/en/latest/cluster/running-applications/job-submission)."""
    request = Request(f"{dashboard.rstrip('/')}/api/jobs/")  # noqa: S310 - the configuration allows http and https alone
    with urlopen(request, timeout=_ANSWERS_WITHIN_S) as answer:  # noqa: S310 - as above
        listed = json.loads(answer.read(_MOST_BYTES))
    return [
        {
            "id": str(each.get("submission_id") or each.get("job_id")),
            "status": str(each["status"]),
            "entrypoint": str(each.get("entrypoint", "")),
            "began_at_s": float(each["start_time"]) / 1000 if each.get("start_time") else None,
        }
        for each in listed
        if isinstance(each, dict) and each.get("status") in _UNFINISHED
    ]
