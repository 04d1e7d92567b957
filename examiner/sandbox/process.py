"""Process: `python -m examiner.sandbox.process`, which a sandbox starts, examines the files that it is sent.

It loads a generation, a network and fingerprints before it is confined (`examiner.sandbox.serving`).
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from corpus.configuration import read_configuration
from examiner.detectors.prnu.reading import read_fingerprint
from examiner.examination import examine
from examiner.knowledge import read_corpus, read_run, read_trust
from examiner.report.content import Report
from examiner.report.plain import as_dict
from examiner.sandbox.serving import Answer, Answering, picture, serve


def main() -> int:
    """Answer the sandbox until it ends; returns the exit code."""
    return serve(_prepared)


def _prepared(settings: dict[str, Any]) -> Answering:
    """Return what examines files with all that it shall know."""
    corpus = run = None
    if settings["corpus"] is not None or settings["run"] is not None:
        configuration = read_configuration(settings["configuration"], settings["overrides"])
        store, catalogue = configuration.store, configuration.whole_catalogue
        corpus = None if settings["corpus"] is None else read_corpus(store, settings["corpus"], catalogue)
        run = None if settings["run"] is None else read_run(store, settings["run"], catalogue)
    trust = None if settings["trust"] is None else read_trust(settings["trust"])
    devices = [read_fingerprint(Path(path)) for path in settings["devices"]]
    asked = partial(examine, corpus=corpus, run=run, private=settings["private"], trust=trust, devices=devices)
    asked(picture(), name="")
    return partial(_examined, asked)


def _examined(asked: Callable[..., Report], name: str, data: bytes) -> Answer:
    try:
        report = asked(data, name=name)
    except MemoryError:
        report = Report(name, len(data), error="needs more memory than a sandbox gives")
    except Exception as error:  # noqa: BLE001 - an error of this program, which must not end a folder's examination
        fault = f"cannot be examined, by an error of this program ({type(error).__name__}: {error})"
        report = Report(name, len(data), error=fault)
    return {"report": as_dict(report)}, ()


if __name__ == "__main__":
    sys.exit(main())
