"""Work: pipelines with their last run and schedule, and jobs on the Ray cluster.

This is the one place that says of pipelines when they are due, and of jobs what can be done with them.
"""

from dataclasses import asdict

from corpus.configuration import Configuration
from corpus.text import ago, escaped, one_line, span
from pipelines.jobs.head import Head, NoAnswerError
from pipelines.overview.part import Advice, Part
from pipelines.scheduling.installed import SYSTEMD
from pipelines.status import status_of

_TEXT = 60


def pipelines_part(configuration: Configuration, now_s: float) -> Part:
    """Return the pipelines: what became of the last run, whether one runs now, and when the next is due."""
    rows, data, advice = [], {}, list[Advice]()
    for name in configuration.pipelines:
        status = status_of(configuration, name, now_s)
        run, stage = status.last, status.last.stages[-1] if status.last and status.last.stages else None
        how = "runs now" if status.is_locked else status.outcome or "never run"
        at_s = None if run is None else run.ended_at_s or run.began_at_s
        due = "" if status.next_due_s is None else f"in {span(status.next_due_s - now_s)}"
        rows.append((escaped(name), how, ago(at_s, now_s), status.schedule or "by hand", due))
        data[name] = {
            "schedule": status.schedule, "state": how, "at_s": at_s, "next_due_s": status.next_due_s,
            "missed_s": status.missed_s, "stuck": status.stuck, "wanted": status.wanted,
            "stage": None if stage is None else stage.command,
        }  # fmt: skip
        said = escaped(name)
        if status.stuck:
            advice.append(Advice(f"pipeline {said} is stuck: {status.stuck}", "shutterprint pipelines status"))
        elif status.has_stopped:
            where = "before its first stage" if stage is None else f"in `{escaped(stage.command)}`"
            what = f"pipeline {said} stopped {where}"
            advice.append(Advice(what, f"shutterprint pipelines run {said}  (it goes on with that stage)"))
        elif status.missed_s is not None:
            advice.append(Advice(f"pipeline {said} was due and did not begin", "shutterprint pipelines status"))
        if status.installation.has_other_schedule:
            what = f"pipeline {said}: {status.installation.by} has another schedule"
            option = " --systemd" if status.installation.by == SYSTEMD else ""
            advice.append(Advice(what, f"shutterprint pipelines install{option}", is_wrong=False))
    columns = ("pipeline", "last run", "when", "schedule", "next due") if rows else ()
    return Part("Pipelines", columns, rows, [] if rows else ["none in the configuration"], data, advice)


def jobs_part(configuration: Configuration, now_s: float) -> Part:
    """Return the jobs of the Ray cluster that have not ended; that no head answers is no fault."""
    dashboard = configuration.clusters.ray_dashboard
    try:
        jobs = [job for job in Head(dashboard).jobs() if job.is_live]
    except NoAnswerError as error:
        return Part("Jobs", notes=[str(error)], data={"dashboard": dashboard, "jobs": None})
    rows = [(escaped(job.id), job.state, one_line(job.entrypoint, _TEXT), ago(job.since_s, now_s)) for job in jobs]
    columns = ("job", "state", "command", "began") if rows else ()
    notes = [] if rows else [f"none runs or waits at {dashboard}"]
    return Part("Jobs", columns, rows, notes, {"dashboard": dashboard, "jobs": [asdict(job) for job in jobs]})
