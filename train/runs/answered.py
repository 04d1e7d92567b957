"""Answered: finds what has judged photographs, runs and baselines, and reads their answers."""

from dataclasses import dataclass
from pathlib import Path

from corpus.errors import StorageError
from corpus.storage import Store, open_store
from train.data.answers import FILE, Answers, read_answers
from train.runs.run import ROOT, find_run

BASELINES = "baselines"


@dataclass(frozen=True, eq=False)
class Answered:
    """A run or a baseline, and what it answered."""

    name: str
    store: Store
    directory: str
    answers: Answers

    @property
    def address(self) -> str:
        """Where it is: two of one name may be in two stores."""
        return f"{self.store.url}/{self.directory}"

    def classes(self) -> tuple[str, ...]:
        """Return the cameras that it knows, in the order of its answers; raises StorageError where that is not told."""
        for file in ("config.json", "baseline.json"):
            path = f"{self.directory}/{file}"
            if self.store.exists(path):
                told = self.store.read_json(path).get("classes")
                if isinstance(told, list) and len(told) == self.answers.logits.shape[-1]:
                    return tuple(map(str, told))
                raise StorageError(f"{self.store.url}: {path} does not name the cameras of its answers")
        raise StorageError(f"{self.address}: has neither config.json nor baseline.json, which name its cameras")


def find_answers(store: Store, wanted: str) -> tuple[str, Answers]:
    """Return name and answers of a run or a baseline; arguments and errors as `find_answered` has them."""
    found = find_answered(store, wanted)
    return found.name, found.answers


def find_answered(store: Store, wanted: str) -> Answered:
    """Return a run or a baseline, by its name or the path of its folder, or the `latest` run, with its answers.

    Raises StorageError where there is none of that name, or it has no answers.
    """
    if wanted and wanted != "latest" and "/" not in wanted and not wanted.startswith("."):
        for root in (ROOT, BASELINES):
            if store.exists(f"{root}/{wanted}/{FILE}"):
                return _answered(wanted, store, f"{root}/{wanted}")
    path = Path(wanted)
    if wanted != "latest" and "://" not in wanted and (path / FILE).is_file():
        return _answered(path.resolve().name, open_store(str(path.resolve().parent)), path.resolve().name)
    try:
        run = find_run(store, wanted)
    except StorageError as error:
        baselines = ", ".join(store.names(BASELINES))
        raise StorageError(f"{error}" + (f"; baselines: {baselines}" if baselines else "")) from error
    return _answered(run.name, run.store, run.directory)


def _answered(name: str, store: Store, directory: str) -> Answered:
    return Answered(name, store, directory, read_answers(store, directory))
