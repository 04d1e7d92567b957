"""Worker: files → reports, each examined in a separate process (`examiner.sandbox.confined`). A server has several."""

from collections.abc import Sequence
from typing import Any

from examiner.report.content import Report
from examiner.report.plain import as_dict
from examiner.report.reading import report_from
from examiner.sandbox.confined import MEMORY_BYTES, TIMEOUT_S, Confined, Ended, NextFrame
from examiner.sandbox.messages import as_json


class Sandbox(Confined):
    """A process that examines files, during a `with` block."""

    def __init__(
        self,
        *,
        corpus: str | None = None,
        run: str | None = None,
        configuration: str | None = None,
        overrides: Sequence[str] = (),
        private: bool = False,
        trust: str | None = None,
        devices: Sequence[str] = (),
        timeout_s: float = TIMEOUT_S,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        """Say what the process knows and may take.

        `corpus`: a generation, by its name or `latest`; `run`: as `examiner.read_run` takes it. `configuration` and
        `overrides`: the file and the changes (`a.b=c`) that say where they are. `trust`: a file of certificates whose
        content credentials are trusted; `devices`: files of fingerprints. `timeout_s` and `memory_bytes`: the most
        that one file may take.
        """
        settings = {
            "corpus": corpus, "run": run, "configuration": configuration, "overrides": list(overrides),
            "private": private, "trust": trust, "devices": list(devices),
        }  # fmt: skip
        super().__init__("examiner.sandbox.process", settings, timeout_s, memory_bytes)

    def examine(self, data: bytes, name: str = "") -> dict[str, Any]:
        """Return the report of a file as plain data (`examiner.report.plain.as_dict`).

        A file that ends its process twice, or takes too long, has a report whose `error` says so. Raises StageError
        where no process can be started.
        """
        answer = self._asked([as_json(name), data], _report)
        return as_dict(Report(name, len(data), error=answer.reason)) if isinstance(answer, Ended) else answer


def _report(answer: Any, next_frame: NextFrame) -> dict[str, Any]:
    report: dict[str, Any] = answer["report"]
    report_from(report)
    return report
