"""Members: what the decision about copies knows of each photo; pure.

`curation.judging.copies.decision` decides which photo of a set of copies stays. It asks for evidence of the original,
and what a refusal says of a photo: nothing, that its file was altered, or something between the two.
"""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.judging.arrays.distinct import codes_of
from curation.rules import LEARNED, RULES
from forensics.photo_facts import PhotoFacts


class Standing(IntEnum):
    """What the reasons against a photo say of its file; the less they say, the likelier it is an original."""

    CLEAN = 0
    """No rule refuses it."""
    NOT_ACCUSED = 1
    """It is refused for what says nothing of its file: its owner, its site, its camera's support, its end missing."""
    DOUBTED = 2
    """It is refused for what is not known of its camera; a genuine photo may have such a reason."""
    ALTERED = 3
    """It is refused since its file or its pixels were altered after the camera had written them."""


_DOUBTED = LEARNED - {"camera_unknown"}
_ALTERED = {rule.__name__ for rule in RULES} - _DOUBTED - {"camera_unknown", "truncated"} | {
    "unreadable", "undecodable", "foreign_grid", "compressed_twice",
}  # fmt: skip


def standing_of(reasons: list[str]) -> Standing:
    """Return what the reasons against a photo say of its file."""
    if not reasons:
        return Standing.CLEAN
    if _ALTERED & set(reasons):
        return Standing.ALTERED
    return Standing.DOUBTED if _DOUBTED & set(reasons) else Standing.NOT_ACCUSED


def coarseness(facts: PhotoFacts) -> float:
    """Return the mean of all entries of the quantisation tables: the smaller, the finer the compression."""
    tables = facts.quantisation_tables
    return sum(map(sum, tables)) / (64 * len(tables)) if tables else 0.0


_STANDINGS = tuple(Standing)


class Form(NamedTuple):
    """How a file is written; shots of one camera, as the frames of a burst, agree in it, and copies saved again do not.

    The frame's sides are ordered: cameras turn.
    """

    tables: str | None
    long_px: int
    short_px: int
    segments: str | None
    software: str | None
    make: str | None
    model: str | None


class Member(NamedTuple):
    """A photo of a set of copies."""

    id: int
    photo: str
    version: str
    camera: str | None
    group: str
    standing: Standing
    is_proved: bool
    """Whether its tables and the form of its header are known to be its camera's own."""
    kept_before: bool
    uploaded_at: str | None
    form: Form
    coarseness: float
    software_signs: int
    thumbnail_bytes: int | None

    @property
    def is_clean(self) -> bool:
        """Whether no rule refuses it."""
        return self.standing == Standing.CLEAN

    @property
    def frame_px(self) -> int:
        """The size of its frame in pixels."""
        return self.form.long_px * self.form.short_px

    @property
    def rank(self) -> tuple[bool, bool, int, int, float, bool, bool, str, str, str]:
        """The member with the smallest rank of a set stays."""
        when = self.uploaded_at
        return (
            *(not self.is_clean, not self.is_proved, self.software_signs, -self.frame_px, self.coarseness),
            *(not self.kept_before, when is None, when or "", self.photo, self.version),
        )

    def is_explained_by(self, other: "Member") -> bool:
        """Whether it may be a copy of `other`, a refused photo of the same picture, that was saved again.

        It may not where its camera's own tables and segments prove it, where both are written alike, as shots of one
        camera are, and where `other` is smaller, was altered, bears more signs of a program than this photo, or as many
        and is compressed harder: `other` is then the copy. `other` must bear fewer signs where it is refused for what
        is not known of its camera, and where nothing but segments tells the two apart: some cameras add segments at
        need.
        """
        if self.is_proved or self.form == other.form or other.frame_px < self.frame_px:
            return False
        if other.software_signs == self.software_signs and other.coarseness > self.coarseness:
            return False
        if other.standing == Standing.NOT_ACCUSED and self.form._replace(segments=other.form.segments) != other.form:
            return other.software_signs <= self.software_signs
        is_witness = other.standing in (Standing.NOT_ACCUSED, Standing.DOUBTED)
        return is_witness and other.software_signs < self.software_signs

    def is_same_shot(self, other: "Member") -> bool:
        """Whether another photo of the same camera and second is a version of the same shot, not the next of a burst.

        Thumbnails of different shots differ in their length. Without them only what no camera changes between two
        frames tells a version: the size and the signs of a program. Some cameras change their tables.
        """
        if self.thumbnail_bytes is not None and other.thumbnail_bytes is not None:
            return self.thumbnail_bytes == other.thumbnail_bytes and self.form != other.form
        sizes = [(each.form.long_px, each.form.short_px) for each in (self, other)]
        return sizes[0] != sizes[1] or self.software_signs != other.software_signs

    def is_named_otherwise(self, other: "Member") -> bool:
        """Whether it names a known camera, and another than `other` does: anyone may write a name that nobody knows."""
        return self.camera is not None and self.camera != other.camera


MEMBERS = pa.schema(
    [
        ("id", pa.uint64()), ("photo", pa.string()), ("version", pa.string()), ("camera", pa.string()),
        ("group", pa.string()), ("is_proved", pa.bool_()), ("kept_before", pa.bool_()), ("uploaded_at", pa.string()),
        ("standing", pa.int8()), ("coarseness", pa.float64()), ("software_signs", pa.int8()),
        ("thumbnail_bytes", pa.int32()), ("tables", pa.string()), ("long_px", pa.int64()), ("short_px", pa.int64()),
        ("segments", pa.string()), ("software", pa.string()), ("make", pa.string()), ("model", pa.string()),
    ]
)  # fmt: skip
"""Columns of members on their way from the parts of the corpus to where copies are decided."""
COLUMNS = (
    "id", "photo", "version", "camera", "group", "is_proved", "kept_before", "uploaded_at", "reasons", "coarseness",
    "software_signs", "thumbnail_bytes", "tables_digest", "width_px", "height_px", "segments_form", "software",
    "make", "model",
)  # fmt: skip
"""Columns of `VerdictRow` that they are made from."""


def members_of(verdicts: pa.Table) -> pa.Table:
    """Return the members, columns as in MEMBERS, of verdicts with COLUMNS."""
    sides = [pc.fill_null(verdicts[name], 0) for name in ("width_px", "height_px")]
    reasons = codes_of(verdicts["reasons"])
    distinct = verdicts["reasons"].take(pa.array(reasons.firsts)).to_pylist()
    made = {
        "standing": pa.array(reasons.dealt([int(standing_of(one)) for one in distinct], np.int8)),
        "tables": verdicts["tables_digest"], "long_px": pc.max_element_wise(*sides).cast(pa.int64()),
        "short_px": pc.min_element_wise(*sides).cast(pa.int64()), "segments": verdicts["segments_form"],
    }  # fmt: skip
    return pa.table([made[name] if name in made else verdicts[name] for name in MEMBERS.names], schema=MEMBERS)


def members_from(table: pa.Table) -> list[Member]:
    """Return the members that the rows of a table with the columns of MEMBERS describe."""
    column: dict[str, list[Any]] = {name: table[name].to_pylist() for name in MEMBERS.names}
    column["standing"] = [_STANDINGS[number] for number in column["standing"]]
    column["form"] = list(map(Form, *(column[name] for name in Form._fields)))
    return list(map(Member, *(column[name] for name in Member._fields)))
