"""Status: what a person wants to know of each pipeline: when it last ran, what changed, when it is due, what is wrong.

`status_of` gathers facts from the history, the lock, the schedule and what cron has; `status_lines` and `history_lines`
say them. Times are shown in this machine's time zone, which is cron's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from statistics import median
from typing import Any

from corpus.configuration import Configuration
from corpus.receipts import last_receipt
from corpus.text import count, escaped, span
from pipelines.history import (
    FAILED,
    FINISHED,
    INTERRUPTED,
    KILLED,
    RUNNING,
    PipelineRun,
    StageRun,
    outcome_now,
    read_progress,
)
from pipelines.lock import lock_holder
from pipelines.scheduling.installed import SYSTEMD, Installation, installation
from pipelines.scheduling.schedule import last_due, next_due, parse_schedule

STUCK_FACTOR = 5
"""A run that takes so many times as long as usual counts as stuck."""
STUCK_LEAST_S = 900.0
"""No run counts as stuck before: crawls and curations of little last seconds."""
LATE_S = 120.0
"""A scheduled run that has not begun so long after its time was missed."""
SHOWN_RUNS = 5


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """What is known of one pipeline at one moment. Times are in seconds since 1970."""

    name: str
    schedule: str | None
    installation: Installation
    runs: tuple[PipelineRun, ...]
    usual_s: float | None
    """Median time that its finished runs took."""
    is_locked: bool
    holder: str | None
    """The process that holds the lock, in words; None where it is dead."""
    next_due_s: float | None
    missed_s: float | None
    """The last time at which it was due, where no run has begun since."""
    wanted: int
    """Refused photographs that curation wants to be crawled."""
    stuck: str | None
    """Why its run counts as stuck; None where it does not."""

    @property
    def outcome(self) -> str | None:
        """How its last run ended, or that it is running; None where it has not run yet."""
        return None if self.last is None else outcome_now(self.last.outcome, is_locked=self.is_locked)

    @property
    def has_stopped(self) -> bool:
        """Whether its last run ended before its time and nobody goes on with it."""
        return self.outcome in (FAILED, INTERRUPTED, KILLED) and not self.is_locked

    @property
    def is_wrong(self) -> bool:
        """Whether it was missed, is stuck or has stopped: exit code 1 of everything that shows its status."""
        return self.missed_s is not None or self.stuck is not None or self.has_stopped

    @property
    def last(self) -> PipelineRun | None:
        """The last run, running or not."""
        return self.runs[-1] if self.runs else None


def status_of(configuration: Configuration, name: str, now_s: float, zone: tzinfo | None = None) -> PipelineStatus:
    """Return what is known of a pipeline; raises StorageError where its history is damaged.

    `zone`: that of cron; None: this machine's.
    """
    store, pipeline = configuration.store, configuration.pipelines[name]
    runs = read_progress(store, name).runs
    is_locked, holder = lock_holder(store, name)
    usual_s = _usual(runs)
    starts = installation(configuration, name)
    due = missed = None
    if pipeline.schedule is not None:
        schedule, now = parse_schedule(pipeline.schedule), datetime.fromtimestamp(now_s, UTC)
        due = next_due(schedule, now, zone)
        last = last_due(schedule, datetime.fromtimestamp(now_s - LATE_S, UTC), zone)
        # without a run, nothing says since when it has been installed
        if last is not None and starts.is_installed is not False and not is_locked and runs:
            missed = last.timestamp() if _was_idle(runs[-1], last.timestamp()) else None
    wanted = last_receipt(store, "curation").get("wanted", 0)
    return PipelineStatus(
        name,
        pipeline.schedule,
        starts,
        runs,
        usual_s,
        is_locked,
        holder,
        None if due is None else due.timestamp(),
        missed,
        wanted if any("curation.run" in stage for stage in pipeline.stages) else 0,
        _stuck(runs, is_locked, holder, usual_s, now_s),
    )


def status_lines(status: PipelineStatus, now_s: float, zone: tzinfo | None = None) -> list[str]:
    """Return the status of a pipeline as text, its name first and the rest indented."""
    at = _clock(zone)
    due = (
        "" if status.next_due_s is None else f", next due {at(status.next_due_s)}, in {span(status.next_due_s - now_s)}"
    )
    lines = [f"{status.name}  ({status.schedule or 'run by hand'}{due})"]
    if status.installation.has_other_schedule:
        option = " --systemd" if status.installation.by == SYSTEMD else ""
        lines.append(f"  {status.installation.by} has another schedule: shutterprint pipelines install{option}")
    elif status.installation.is_installed is False and status.schedule is not None:
        lines.append("  not installed, neither in the crontab nor for systemd: shutterprint pipelines install")
    if status.missed_s is not None:
        lines.append(
            f"  MISSED: it was due {at(status.missed_s)}, and no run has begun since; was the machine off, or cron?"
        )
    if status.stuck is not None:
        lines.append(f"  STUCK: {status.stuck}")
    elif status.is_locked and status.last is not None and status.last.stages:
        stage = status.last.stages[-1]
        lines.append(f"  running for {span(now_s - status.last.began_at_s)} ({status.holder}): {stage.command}")
    elif status.is_locked:
        lines.append(f"  running ({status.holder})")
    if status.last is None:
        lines.append("  has not run yet")
    for run in reversed(status.runs[-SHOWN_RUNS:]):
        before = next(
            (one for one in reversed(status.runs) if one.number < run.number and one.outcome == FINISHED), None
        )
        lines.append(f"  {run_line(run, status, at)}{_changes(run, before)}")
        if run.error:
            lines.append(f"    {escaped(run.error)}")
    if status.usual_s is not None:
        lines.append(f"  usually takes {span(status.usual_s)}")
    if status.wanted:
        lines.append(
            f"  {count(status.wanted, 'refused photo')} {'is' if status.wanted == 1 else 'are'} wanted by what curation"
            f" has learned: run it again now, or leave it to the next run"
        )
    return lines


def history_lines(status: PipelineStatus, zone: tzinfo | None = None) -> list[str]:
    """Return all runs of a pipeline as text, the oldest first, each with its stages."""
    at = _clock(zone)
    lines = [f"{status.name}  ({count(len(status.runs), 'run')})"]
    for run in status.runs:
        lines.append(
            f"  {run_line(run, status, at)}{', went on where the run before had stopped' if run.continues else ''}"
        )
        for stage in run.stages:
            took = "" if stage.took_s is None else f" in {span(stage.took_s)}"
            told = f": {_told(stage)}" if stage.told else ""
            lines.append(f"    {stage.command}  {outcome_now(stage.outcome, is_locked=status.is_locked)}{took}{told}")
        if run.error:
            lines.append(f"    {escaped(run.error)}")
    return lines


def run_line(run: PipelineRun, status: PipelineStatus, at: Callable[[float], str]) -> str:
    """Return number, begin, outcome and duration of a run."""
    took = "" if run.ended_at_s is None else f" after {span(run.ended_at_s - run.began_at_s)}"
    return f"#{run.number}  {at(run.began_at_s)}  {outcome_now(run.outcome, is_locked=status.is_locked)}{took}"


def _was_idle(last: PipelineRun, due_s: float) -> bool:
    """Whether the last run had ended before a time at which another one was due; cron's was turned away otherwise."""
    return (last.ended_at_s or last.began_at_s) < due_s


def _usual(runs: tuple[PipelineRun, ...]) -> float | None:
    """Return the median time of whole runs: those that went on after another one did a part of the work."""
    whole = [
        run.ended_at_s - run.began_at_s
        for run in runs
        if run.outcome == FINISHED and not run.continues and run.ended_at_s is not None
    ]
    return median(whole) if whole else None


def _stuck(
    runs: tuple[PipelineRun, ...], is_locked: bool, holder: str | None, usual_s: float | None, now_s: float
) -> str | None:
    if not is_locked:
        return None
    if holder is None:
        return (
            "the process that ran it is dead, but a stage that it began lives on and holds the lock: wait for its end, "
            "or stop it"
        )
    running_s = now_s - runs[-1].began_at_s if runs and runs[-1].outcome == RUNNING else 0.0
    if usual_s is not None and running_s > max(STUCK_FACTOR * usual_s, STUCK_LEAST_S):
        return (
            f"it runs for {span(running_s)} and usually takes {span(usual_s)}; if its log shows no progress, stop "
            f"{holder}: the next run goes on"
        )
    return None


def _changes(run: PipelineRun, before: PipelineRun | None) -> str:
    """Return what a run changed: new originals of its crawls, and how the generation differs from the last one's."""
    parts = []
    stored = sum(int(stage.told.get("stored", 0)) for stage in run.stages if stage.outcome == FINISHED)
    if any("stored" in stage.told for stage in run.stages):
        parts.append(f"{stored:,} stored")
    now, then = _curation(run), {} if before is None else _curation(before)
    if "generation" in now:
        if now["generation"] == then.get("generation"):
            parts.append("nothing new")
        else:
            kept = f"{now.get('kept', 0):,} kept" + (f" ({now['kept'] - then['kept']:+,})" if "kept" in then else "")
            parts.append(f"generation {now['generation']}, {kept}")
    parts += [f"run {stage.told['run']}" for stage in run.stages if "run" in stage.told]
    return f": {', '.join(parts)}" if parts else ""


def _curation(run: PipelineRun) -> Mapping[str, Any]:
    found = [stage.told for stage in run.stages if "generation" in stage.told and "kept" in stage.told]
    return found[-1] if found else {}


def _told(stage: StageRun) -> str:
    return ", ".join(f"{key} {value}" for key, value in stage.told.items())


def _clock(zone: tzinfo | None) -> Callable[[float], str]:
    return lambda time_s: datetime.fromtimestamp(time_s, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")
