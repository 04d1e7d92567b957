"""Answered: finds what has judged photographs, runs and baselines, and reads their answers."""

from pathlib import Path

from corpus.errors import StorageError
from corpus.storage import Store, open_store
from train.data.answers import FILE, Answers, read_answers
from train.fit.runs import ROOT, find_run

BASELINES = "baselines"


def find_answers(store: Store, wanted: str) -> tuple[str, Answers]:
    """Return name and answers of a run or a baseline, by its name or the path of its folder, or of the `latest` run.

    Raises StorageError where there is none of that name, or it has no answers.
    """
    if wanted and wanted != "latest" and "/" not in wanted and not wanted.startswith("."):
        for root in (ROOT, BASELINES):
            if store.exists(f"{root}/{wanted}/{FILE}"):
                return wanted, read_answers(store, f"{root}/{wanted}")
    path = Path(wanted)
    if wanted != "latest" and "://" not in wanted and (path / FILE).is_file():
        return path.resolve().name, read_answers(open_store(str(path.resolve().parent)), path.resolve().name)
    try:
        run = find_run(store, wanted)
    except StorageError as error:
        baselines = ", ".join(store.names(BASELINES))
        raise StorageError(f"{error}" + (f"; baselines: {baselines}" if baselines else "")) from error
    return run.name, read_answers(run.store, run.directory)
