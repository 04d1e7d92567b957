"""Given splits: a CSV of photographs with their official split or fold in, what binds each group out; pure.

Published collections say which photographs train and which test. A photo's answer binds its whole group, since a device
must not stand on two sides. Nothing is moved for an answer that cannot hold: where photos of one group are given two
splits, those that the fewer of them were given are refused (`given_two_splits`), and where the ledger has the group on
another side already, the photos with the other answer are (`given_split_disagrees`). Likewise folds.
"""

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import ConfigurationError
from corpus.records import SPLITS
from curation.generations import Ledger

TWO_SPLITS, DISAGREES = "given_two_splits", "given_split_disagrees"
NO_FOLD = -1
_IDENTITIES = ("photo", "path", "sha256")


class Answer(NamedTuple):
    """What a list says of one photo; None where it says nothing."""

    split: str | None
    fold: int | None


@dataclass(frozen=True)
class GivenSplits:
    """The answers of a list, by the key of a photo and by the SHA-256 of its bytes."""

    by_photo: Mapping[str, Answer] = field(default_factory=dict)
    by_sha256: Mapping[str, Answer] = field(default_factory=dict)

    def answers(self, photo: str, sha256: str | None) -> list[Answer]:
        """Return the different answers for a photo: none, one, or two where its key and its bytes have different ones.

        The bytes count in lower case.
        """
        found = [self.by_photo.get(photo), self.by_sha256.get(sha256 or "")]
        return list(dict.fromkeys(answer for answer in found if answer is not None))

    def number_found(self, uploads: pa.Table) -> tuple[int, int]:
        """Return how many answers are for one of `uploads` (columns photo, sha256), and how many there are."""
        found = 0
        for answers, column in ((self.by_photo, "photo"), (self.by_sha256, "sha256")):
            keys = pa.array(sorted(answers), pa.string())
            found += pc.sum(pc.is_in(keys, value_set=uploads[column].combine_chunks())).as_py() or 0
        return found, len(self.by_photo) + len(self.by_sha256)


class Vote(NamedTuple):
    """An answer for a photo that stays, or for a copy of one."""

    id: int
    camera: str
    group: str
    split: str
    """Empty for none."""
    fold: int
    """NO_FOLD for none."""
    stays: bool


class Refusal(NamedTuple):
    """Why a photo is refused whose answer cannot hold."""

    reason: str
    text: str


class Bound(NamedTuple):
    """What given answers bind."""

    ledger: Ledger
    """The ledger with the groups that are bound."""
    refused: dict[int, Refusal]
    """Photos whose answer cannot hold, by id."""


def read_given_splits(data: bytes, name: str, folds: int) -> GivenSplits:
    """Return the answers of a CSV file in UTF-8.

    Its first line names the columns: `path` (below the folder that was crawled), `photo` (the key, such as
    `flickr:4711`) or `sha256`; and `split` (train, validation, test), `fold` (0 … `folds` - 1) or both. Other columns
    are ignored. Raises ConfigurationError with `name` and the line for anything else, and for two different answers.
    """
    try:
        lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        return _read(lines, name, folds)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{name}: line {line} is not UTF-8; save the list as CSV in UTF-8") from error
    except csv.Error as error:
        raise ConfigurationError(f"{name}: line {lines.line_num} is not CSV: {error}") from error


def _read(lines: Any, name: str, folds: int) -> GivenSplits:
    columns = [column.strip() for column in next(lines, [])]
    identities = [column for column in columns if column in _IDENTITIES]
    if len(identities) != 1 or not {"split", "fold"} & set(columns) or len(set(columns)) < len(columns):
        raise ConfigurationError(
            f"{name}: line 1 does not name the columns; it needs one of path, photo, sha256, and split or fold, each "
            "once, such as: path,split"
        )
    identity = identities[0]
    found: dict[str, tuple[Answer, int]] = {}
    for cells in lines:
        where = f"{name}: line {lines.line_num}"
        if not cells:
            continue
        if len(cells) != len(columns):
            raise ConfigurationError(f"{where} has {len(cells)} cells, the first line {len(columns)}")
        row = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
        key = _key(identity, row[identity], where)
        answer = Answer(_split(row.get("split", ""), where), _fold(row.get("fold", ""), folds, where))
        before, line = found.setdefault(key, (answer, lines.line_num))
        if before != answer:
            raise ConfigurationError(f"{where} gives {row[identity]} another answer than line {line}; keep one of them")
    answers = {key: answer for key, (answer, _) in found.items() if answer != Answer(None, None)}
    return GivenSplits(by_sha256=answers) if identity == "sha256" else GivenSplits(by_photo=answers)


def _key(identity: str, text: str, where: str) -> str:
    if identity == "sha256":
        if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
            raise ConfigurationError(f"{where}: {text!r} is not a SHA-256, 64 hex digits")
        return text.lower()
    if identity == "photo":
        if not re.fullmatch(r"[a-z]+:.+", text, re.DOTALL):
            raise ConfigurationError(f"{where}: {text!r} is not the key of a photo, such as flickr:4711")
        return text
    path = text.removeprefix("./")
    if not path or path.startswith("/"):
        raise ConfigurationError(f"{where}: {text!r} is not a path below sources.folder.path")
    return f"folder:{path}"


def _split(text: str, where: str) -> str | None:
    if text and text not in SPLITS:
        raise ConfigurationError(f"{where}: split {text!r} is not one of {', '.join(SPLITS)}")
    return text or None


def _fold(text: str, folds: int, where: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) >= folds:
        raise ConfigurationError(f"{where}: fold {text!r} is not within 0..{folds - 1}; curation.folds is {folds}")
    return int(text)


def bind(votes: Iterable[Vote], known: Ledger) -> Bound:
    """Return the ledger `known` with the groups that votes bind, and the photos whose answers cannot hold.

    The photos of a group that stay decide by their number, and among equal numbers the split that comes first in
    SPLITS, the smaller fold; copies decide only where none of those has an answer. What `known` says stays.
    """
    votes = sorted(votes)
    splits, of_splits = _bound(((vote, vote.split) for vote in votes if vote.split), known.splits, SPLITS.index)
    folds, of_folds = _bound(((vote, vote.fold) for vote in votes if vote.fold != NO_FOLD), known.folds, int)
    refused = {
        id_: Refusal(DISAGREES if is_known else TWO_SPLITS, f"{what} {given} was given, its group has {has}")
        for what, found in (("fold", of_folds), ("split", of_splits))
        for id_, given, has, is_known in found
    }
    return Bound(Ledger(splits, folds), refused)


def _bound(
    answers: Iterable[tuple[Vote, Any]], known: Mapping[str, Any], order: Any
) -> tuple[dict[str, Any], Iterator[tuple[int, Any, Any, bool]]]:
    """Return `known` with the groups that are bound, and (id, answer, what its group has, whether that was known)."""
    answers = list(answers)
    counted: dict[str, Counter[Any]] = defaultdict(Counter)
    for vote, answer in answers:
        counted[vote.group][answer] += len(answers) if vote.stays else 1
    found = dict(known)
    for group, counts in counted.items():
        found.setdefault(group, min(counts, key=lambda answer: (-counts[answer], order(answer))))
    wrong = ((vote.id, answer, found[vote.group], vote.group in known) for vote, answer in answers)
    return found, (each for each in wrong if each[1] != each[2])
