"""Sections of curation: thresholds of the rules, consensus, support, and the jobs that judge and pack photographs."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from corpus.sections.section import Count, Fraction, Section


class Rules(Section):
    """Thresholds of the rules in `curation.rules`, and which of them apply."""

    quality_factor_min: Annotated[int, Field(ge=1, le=100)] = 95
    """Lowest estimated IJG quality factor that is kept."""
    native_size: bool = True
    """Whether a photograph must have one of its camera's native sizes."""
    native_tables: bool = True
    """Whether a camera's own quantisation tables pass at any quality factor, and strange ones are refused."""
    native_segments: bool = True
    """Whether a header of a form that its camera does not write is refused, where it bears a mark of software."""


class Consensus(Section):
    """When a value that many owners' photographs by one camera share counts as native to that camera."""

    photos_min: Annotated[int, Field(ge=1)] = 5
    """Fewest otherwise clean photographs, copies counted once, that show a size, table set or form of header."""
    owners_min: Annotated[int, Field(ge=1)] = 3
    """Fewest owners that those photographs must come from."""
    owner_share_min: Annotated[float, Field(ge=0, le=1)] = 0.03
    """Smallest share of the camera's owners: in a large corpus, any program's tables come from a few owners."""
    closed_photos_min: Annotated[int, Field(ge=1)] = 50
    """Fewest photographs with native tables, or with native forms of header under one firmware, after which an unseen
    value counts against a photograph."""
    closed_owners_min: Annotated[int, Field(ge=1)] = 10
    """Fewest owners that those photographs must come from."""


class Support(Section):
    """Cameras by support: every camera, listed or not, with enough otherwise clean photographs of enough owners."""

    photos_min: Annotated[int, Field(ge=1)]
    """Fewest otherwise clean photographs by the camera."""
    owners_min: Annotated[int, Field(ge=1)]
    """Fewest owners that those photographs must come from."""


class Curation(Section):
    """The Dask job that examines and judges photographs."""

    workers: Annotated[int, Field(ge=1, le=256)] = 2
    """Processes of the local cluster; ignored where `clusters.dask_scheduler` is set."""
    batch_photos: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Photographs that one Dask task examines."""
    decode: bool = True
    """Whether to decode every original once, to refuse damaged pictures and to find near copies."""
    grid: bool = False
    """Whether to search the pixels for the grid of an earlier compression (about 0.03 s a photograph)."""
    first_quality: bool = False
    """Whether to search for an earlier compression on the same grid (about 0.03 s a photograph)."""
    near_bits: Annotated[int, Field(ge=0, le=64)] = 20
    """Most bits, of 256, in which the perceptual hashes of two copies of one picture may differ."""
    placeholder_copies: Annotated[int, Field(ge=2)] = 20
    """Number of photographs with equal bytes or equal scans at which they are refused as placeholders, such as a site's
    "not available" picture."""
    owner_photos_max: Annotated[int, Field(ge=0)] = 300
    """Most photographs kept of one owner and camera, so that no owner dominates a camera; 0: no limit."""
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    """Folds that the groups are divided into for cross-validation."""
    given_splits: str | None = None
    """CSV file of official splits or folds: a column `path` (below the folder that was crawled), `photo` (a key) or
    `sha256`, and `split` (train, validation, test), `fold` (0 to `folds` - 1) or both. A relative path starts at the
    configuration file's folder. null: splits and folds are made here alone."""
    judge_photos: Annotated[int, Field(ge=100)] = 50_000
    """Photographs in one part of the corpus, the unit that Dask judges."""
    worker_memory_mb: Annotated[int | None, Field(ge=256)] = None
    """Memory in MB beyond which a worker of the local cluster spills to disk; null: its share of the machine's."""
    test: Fraction = 0.2
    """Share of a camera's photographs that are kept for testing; whole devices are taken."""
    validation: Fraction = 0.1
    """Share that is kept for choosing among checkpoints; whole devices are taken."""

    @model_validator(mode="after")
    def _leaves_a_training_split(self) -> Self:
        if self.test + self.validation >= 1:
            raise ValueError(f"test {self.test} and validation {self.validation} leave nothing to train on")
        return self


class Shards(Section):
    """The training files."""

    content: Literal["tiles", "photos"] = "tiles"
    """What is packed: `tiles` that are cut from each photograph, or the whole `photos`, one sample each, with every
    coefficient. Whole photographs take about 2.6 times the bytes of four tiles of 1024 px of 12 megapixels."""
    restart_mcus: Annotated[int, Field(ge=0, le=65_535)] = 8
    """MCUs (blocks of 8 or 16 pixels) from one restart marker of a sample to the next, as nearly as its width allows. A
    reader then reads and decodes only the segments that a crop touches. 8 adds about 2 % of bytes to the tars and 3 %
    in the tables beside them, 16 half of that; 0: no markers, and every crop takes the whole sample."""
    tile_px: Annotated[int, Field(ge=64, le=8192)] = 1024
    """Edge of a tile in pixels, rounded down to a multiple of the photograph's MCU."""
    tiles_per_photo: Annotated[int, Field(ge=1, le=64)] = 4
    """Most tiles that are cut from one photograph."""
    shard_photos: Count = 500
    """Most photographs in one shard."""
    photos_at_once: Annotated[int, Field(ge=1, le=64)] = 2
    """Photographs that one worker reads and cuts at the same time."""
