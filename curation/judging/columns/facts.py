"""Facts: the facts of many photos as columns, and what functions of one photo's facts say of them.

A function is asked once for each combination of the values that it reads, as facts that hold these alone: one that
reads others raises AttributeError. So what is declared beside a rule (`curation.rules.READS`) cannot differ from what
the rule reads, and what the columns say is what the rule says.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.cameras.catalogue import Camera, Catalogue
from corpus.records import FactsRow, schema_of
from corpus.sections import Rules
from curation.consensus import SHOWS
from curation.judging.arrays.distinct import Codes, codes_of, combined
from curation.judging.arrays.packed_tables import unpacked
from curation.reasons import REASONS
from curation.rules import READS, RULES, SPARED, Label, label_of
from forensics.photo_facts import PhotoFacts

T = TypeVar("T")

SLUGS = tuple(REASONS)
BIT = {slug: np.uint64(1 << place) for place, slug in enumerate(SLUGS)}
"""Reason → its bit in a set of reasons that is one number."""

_BESIDE = (
    "mcu_width_px", "mcu_height_px", "scan_digest", "exif_error", "serial_number", "thumbnail_bytes",
    "image_unique_id", "scan_offset_bytes",
)  # fmt: skip
"""Facts that no rule reads and that a verdict has, or that tell copies."""
_READ = {name for columns in READS.values() for name in columns} | {
    name for one in SHOWS.values() for name in one.reads
}
FACT_NAMES = tuple(name for name in FactsRow.__annotations__ if name in _READ or name in _BESIDE)
"""The facts that a judgement needs, in the order of `FactsRow`."""
NEEDED_FACTS = pa.struct([schema_of(FactsRow).field(name) for name in FACT_NAMES])
_SETTERS = {name: getattr(PhotoFacts, name).__set__ for name in FACT_NAMES}
"""Set one fact of a frozen object; facts have slots."""
_TUPLES = frozenset(name for name, kind in get_type_hints(PhotoFacts).items() if get_origin(kind) is tuple)
_NESTED = frozenset(
    name for name in _TUPLES if get_origin(get_args(get_type_hints(PhotoFacts)[name])[0]) is tuple
)  # fmt: skip


class FactColumns:
    """The facts of the rows of a table, as columns of the names FACT_NAMES; every row has facts."""

    def __init__(self, facts: pa.StructArray) -> None:
        """Take a column of NEEDED_FACTS; its quantisation tables may be packed (`arrays.packed_tables`)."""
        self.length = len(facts)
        self._arrays = dict(zip((field.name for field in facts.type), facts.flatten(), strict=True))
        self._codes: dict[str, Codes] = {}
        self._values: dict[str, list[Any]] = {}

    def array(self, name: str) -> pa.Array:
        """Return one column."""
        return self._arrays[name]

    def codes(self, *names: str) -> Codes:
        """Return the numbers of the combinations of these columns."""
        if len(names) > 1:
            return combined([self.codes(name) for name in names])
        (name,) = names
        if name not in self._codes:
            self._codes[name] = codes_of(self._arrays[name])
        return self._codes[name]

    def facts(self, rows: np.ndarray, names: Sequence[str]) -> Iterator[PhotoFacts]:
        """Yield the facts of some rows, one after another; they have these names, and no others."""
        columns = []
        for name in names:
            values = self.values(name)
            columns.append([values[code] for code in self.codes(name).codes[rows].tolist()])
        made = [_SETTERS[name] for name in names]
        for row in zip(*columns, strict=True):
            found = object.__new__(PhotoFacts)
            for put, value in zip(made, row, strict=True):
                put(found, value)
            yield found

    def values(self, name: str) -> list[Any]:
        """Return the distinct values of a column by number, as `PhotoFacts` has them."""
        if name not in self._values:
            array = self._arrays[name]
            values = array.take(pa.array(self.codes(name).firsts)).to_pylist()
            if pa.types.is_binary(array.type):
                values = [unpacked(value) for value in values]
            self._values[name] = [_as_fact(name, value) for value in values]
        return self._values[name]

    def told(self, names: Sequence[str], function: Callable[[PhotoFacts], T]) -> tuple[Codes, list[T]]:
        """Return the combinations of these facts, and what a function says of each."""
        codes = self.codes(*names)
        return codes, [function(facts) for facts in self.facts(codes.firsts, names)]


class Judgement:
    """Cameras of many photos and the reasons that their facts give, as `curation.rules.judge_facts` of each."""

    def __init__(
        self, facts: FactColumns, labelled: pa.Array, catalogue: Catalogue, chosen: Catalogue, limits: Rules
    ) -> None:
        """Judge photos; `labelled`: of each the camera that its collection names, or null."""
        self._facts, self._limits = facts, limits
        names, labels = facts.codes("make", "model"), codes_of(labelled)
        both = combined([names, labels])
        self.labels: list[Label] = []
        told = labelled.take(pa.array(both.firsts)).to_pylist()
        for found, label in zip(facts.facts(both.firsts, ("make", "model")), told, strict=True):
            self.labels.append(label_of(found.make, found.model, catalogue, chosen, label))
        self._by_label = both
        distinct: dict[int, int] = {}
        self.cameras: list[Camera | None] = []
        numbers = []
        for label in self.labels:
            number = distinct.setdefault(id(label.camera), len(self.cameras))
            if number == len(self.cameras):
                self.cameras.append(label.camera)
            numbers.append(number)
        self.of = Codes(both.dealt(numbers, np.int64), len(self.cameras))
        """The number of each photo's camera among `cameras`."""

    @cached_property
    def reasons(self) -> np.ndarray:
        """The set of reasons against each photo, as bits."""
        found = np.zeros(self._facts.length, np.uint64)
        for rule in RULES:
            rows = None
            if rule in SPARED:
                one, other = (self._facts.array(name) for name in SPARED[rule])
                rows = np.flatnonzero(~pc.fill_null(pc.equal(one, other), False).to_numpy(zero_copy_only=False))
            found[_all if rows is None else rows] |= self.asked(READS[rule], rule, rows) * BIT[rule.__name__]
        for number, bits in ((0, [_bits(label.not_counted) for label in self.labels]),
                             (1, [_bits(label.reasons) for label in self.labels])):  # fmt: skip
            dealt = self._by_label.dealt(bits, np.uint64)
            found = found | dealt if number else found & ~dealt
        return found

    def asked(self, names: Sequence[str], rule: Callable[..., Any], rows: np.ndarray | None = None) -> np.ndarray:
        """Return whether a function of (facts, camera, limits) says something of each photo, or of those of `rows`."""
        codes = combined([self.of, *(self._facts.codes(name) for name in names)])
        if rows is not None:
            codes = codes_of(pa.array(codes.codes[rows]))
        firsts = codes.firsts if rows is None else rows[codes.firsts]
        named = [self.cameras[number] for number in self.of.codes[firsts].tolist()]
        said = [
            rule(facts, camera, self._limits) not in (None, False)
            for facts, camera in zip(self._facts.facts(firsts, names), named, strict=True)
        ]
        return codes.dealt(said, np.uint64)


_all = slice(None)


def _bits(reasons: frozenset[str]) -> int:
    return sum(int(BIT[slug]) for slug in reasons)


def _as_fact(name: str, value: Any) -> Any:
    if name in _NESTED:
        return tuple(map(tuple, value or ()))
    if name in _TUPLES:
        return tuple(value or ())
    return (value or "") if name == "segments_form" else value
