"""Reports: the files that a person named → their reports, one after another, each examined in the sandbox."""

from collections.abc import Iterable, Iterator

from examiner.report.content import Report
from examiner.report.reading import report_from
from examiner.sandbox.worker import Sandbox
from train.prediction.finding import Found
from train.prediction.reading import read_file


def examined(files: Iterable[Found], sandbox: Sandbox) -> Iterator[Report]:
    """Yield the report of each file, in order; what cannot be read has a report that says why."""
    for found in files:
        yield _examined(found, sandbox)


def _examined(found: Found, sandbox: Sandbox) -> Report:
    fault = found.fault
    if fault is None:
        try:
            return report_from(sandbox.examine(read_file(found.path), found.path))
        except OSError as error:
            fault = f"cannot be read: {error.strerror or error}"
        except MemoryError:
            fault = "needs more memory than this machine can give"
        except ValueError as error:
            fault = str(error)
    return Report(found.path, 0, error=fault)
