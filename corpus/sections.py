"""The sections of `pipelines.yaml`: every key with its type, its range and what it means.

Defaults are those of the shipped file; a key left out has its default.
"""

from datetime import date
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

WIKIMEDIA_LIMITS = (3, 2, 25.0)
"""API requests at once, downloads at once and megabits a second that Wikimedia grants robots."""


class Section(BaseModel):
    """A frozen part of the configuration that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Fraction = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Crawl(Section):
    """How every spider behaves towards every host."""

    contact: str = ""
    """Address or page of the operator for the User-Agent; Wikimedia demands one."""
    delay_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Pause between the starts of two requests to one host."""
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 180.0
    """Longest time for one answer, its body included."""
    retries: Annotated[int, Field(ge=0, le=20)] = 5
    header_bytes: Annotated[int, Field(ge=1024, le=4 << 20)] = 32768
    """First range asked of an original: 32 KiB hold the header of 73 % of photographs; others need more."""
    original_max_bytes: Annotated[int, Field(ge=1 << 20)] = 64 << 20
    """Largest original taken."""
    limits_folder: str = ""
    """Folder in which the crawls of this machine keep the limits they share: turns at a host, its pauses, the hourly
    calls of a key. Empty: `shutterprint/limits` below $XDG_STATE_HOME, else below ~/.local/state."""


class Site(Section):
    """What photo sites that are asked through an API have in common."""

    api_url: str
    hosts: tuple[str, ...]
    """The only hosts contacted, shell-style patterns. A name that leads to an address that is not public is not
    contacted either, unless that address stands here too."""
    api_requests: Annotated[int, Field(ge=1, le=64)] = 2
    """API requests to one host in parallel, at most, of all crawls of this machine together."""
    file_requests: Annotated[int, Field(ge=1, le=64)] = 2
    """Downloads from one host in parallel, at most, of all crawls of this machine together."""
    megabits_per_s: Annotated[float, Field(gt=0)] | None = None
    """Mean pace of all downloads from one host together, at most; none: as fast as they come."""
    since: str
    """Time from which photographs are asked for, ISO date or time, UTC."""
    until: str | None = None
    """Time up to which; none: up to the start of the crawl."""
    look_back_days: Annotated[int, Field(ge=0, le=366)] = 7
    """Every crawl lists the last days anew: photographs are published, described or sorted in days late."""
    revisit_days: Annotated[int, Field(ge=0)] = 90
    """After so many days a window is listed anew, for what was changed or deleted at the site; 0: never."""

    @field_validator("since", "until", mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        # YAML reads an unquoted 2010-01-31 as a date
        return value.isoformat() if isinstance(value, date) else value


class Flickr(Site):
    """The Flickr API; its key comes from the environment's FLICKR_API_KEY."""

    api_url: str = "https://api.flickr.com/services/rest/"
    hosts: tuple[str, ...] = ("api.flickr.com", "*.staticflickr.com")
    since: str = "2010-01-01"
    licences: tuple[str, ...] = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16")
    """Ids of the licences taken: every one but 0, all rights reserved."""


class Wikimedia(Site):
    """The MediaWiki API of Wikimedia Commons, or of another wiki."""

    api_url: str = "https://commons.wikimedia.org/w/api.php"
    hosts: tuple[str, ...] = ("commons.wikimedia.org", "upload.wikimedia.org")
    api_requests: Annotated[int, Field(ge=1, le=64)] = 3
    file_requests: Annotated[int, Field(ge=1, le=64)] = 2
    megabits_per_s: Annotated[float, Field(gt=0)] | None = 25.0
    since: str = "2004-09-01"
    categories: tuple[str, ...] = ()
    """Categories crawled besides those of the cameras, without `Category:`."""
    depth: Annotated[int, Field(ge=0, le=10)] = 3
    """Levels of subcategories followed."""
    structured_search: bool = False
    """Whether files are also searched by the camera of their structured data (P4082) where the catalogue has the
    camera's Wikidata id."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        # https://www.mediawiki.org/wiki/API:Etiquette and Wikimedia's robot policy
        asked = (self.api_requests, self.file_requests, self.megabits_per_s or float("inf"))
        if (urlsplit(self.api_url).hostname or "").endswith(".wikimedia.org") and any(
            more > most for more, most in zip(asked, WIKIMEDIA_LIMITS, strict=True)
        ):
            raise ValueError(
                "api_requests, file_requests, megabits_per_s: {}, {}, {} are more than Wikimedia's robot policy "
                "grants: {}, {}, {}".format(*asked, *WIKIMEDIA_LIMITS)
            )
        return self


class Folder(Section):
    """A tree of existing files."""

    path: str = ""
    """The tree's root; relative ones from the configuration file's folder."""
    pattern: str | None = None
    """Glob of the files below it; none: the layout's own."""
    layout: Literal["exif", "folders", "challenge", "vision", "fodb", "dresden"] = "exif"
    """How the collection is laid out. `exif`: any tree, EXIF names the cameras; `folders`: each file's folder names its
    camera, by the catalogue's key or name; the others are published collections as their authors lay them out."""


class Sources(Section):
    """The photo sites."""

    flickr: Flickr = Flickr()
    wikimedia: Wikimedia = Wikimedia()
    folder: Folder = Folder()


class Rules(Section):
    """Thresholds of the rules; the rules themselves are in `curation.rules`."""

    quality_factor_min: Annotated[int, Field(ge=1, le=100)] = 95
    """Lowest estimated IJG quality factor kept."""
    native_size: bool = True
    """Whether a photograph must have one of its camera's native sizes."""
    native_tables: bool = True
    """Whether, where a camera's own quantisation tables are known, they decide instead of the quality factor."""
    native_segments: bool = True
    """Whether, where the order of segments that a camera writes is known, a photograph must have it."""


class Consensus(Section):
    """When what many owners' photographs by one camera agree on counts as native to that camera."""

    photos_min: Annotated[int, Field(ge=1)] = 5
    """Fewest otherwise clean photographs, copies counted once, that show a size, table set or segment order."""
    owners_min: Annotated[int, Field(ge=1)] = 3
    """Fewest independent owners among theirs."""
    owner_share_min: Annotated[float, Field(ge=0, le=1)] = 0.03
    """Smallest share of the camera's owners: in a large corpus any program's tables find a few."""


class Support(Section):
    """Cameras by support: every one, listed or not, that has so many otherwise clean photographs of so many owners."""

    photos_min: Annotated[int, Field(ge=1)]
    owners_min: Annotated[int, Field(ge=1)]


class Curation(Section):
    """The Dask job."""

    workers: Annotated[int, Field(ge=1, le=256)] = 2
    """Processes of the embedded cluster; without meaning where `clusters.dask_scheduler` is set."""
    batch_photos: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Photographs a task examines."""
    decode: bool = True
    """Whether every original is decoded once, so that a damaged picture is refused and near copies are found."""
    grid: bool = False
    """Whether the pixels are searched for the grid of an earlier compression (about 0.3 s a photograph)."""
    first_quality: bool = False
    """Whether an earlier compression on the same grid is looked for (about as long)."""
    near_bits: Annotated[int, Field(ge=0, le=64)] = 20
    """Largest number of the 256 bits of two perceptual hashes that may differ between copies of one picture."""
    placeholder_copies: Annotated[int, Field(ge=2)] = 20
    """So many photographs with the same bytes or the same scan are no photographs: a site's "not available"."""
    owner_photos_max: Annotated[int, Field(ge=0)] = 300
    """Photographs kept of one owner and camera, so that one owner is not a camera's whole character; 0: all."""
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    """Folds that the groups are divided into for cross-validation."""
    judge_photos: Annotated[int, Field(ge=100)] = 10_000
    """Photographs that are judged in one piece."""
    worker_memory_mb: Annotated[int, Field(ge=256)] | None = None
    """Memory of a worker of the embedded cluster, beyond which it spills to disk; none: its share of the machine."""
    test: Fraction = 0.2
    """Share of a camera's photographs whose devices are kept for testing."""
    validation: Fraction = 0.1
    """Share kept for choosing among checkpoints."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.test + self.validation >= 1:
            raise ValueError(f"test {self.test} and validation {self.validation} leave nothing to train on")
        return self


class Shards(Section):
    """The training files."""

    tile_px: Annotated[int, Field(ge=64, le=8192)] = 1024
    """Edge of a tile; rounded down to the photograph's MCU grid where that does not divide it."""
    tiles_per_photo: Annotated[int, Field(ge=1, le=64)] = 4
    shard_photos: Count = 500
    """Photographs a shard, at most."""


class Training(Section):
    """The network, its input and its schedule."""

    network: str = "convnext_tiny"
    """A timm model's name."""
    pretrained: bool = False
    """Whether to start from timm's published weights (needs network access to their hub)."""
    front: Literal["rgb", "residual", "both"] = "both"
    """What the network sees: the pixels, their high-pass residuals, or both side by side."""
    outer_crop_px: Annotated[int, Field(ge=32)] = 960
    """Random crop the manipulation is applied to."""
    crop_px: Annotated[int, Field(ge=32)] = 480
    """Random crop of the result that the network sees."""
    manipulation_probability: Annotated[float, Field(ge=0, le=1)] = 0.5
    flips: Literal["none", "turns", "d4"] = "d4"
    batch: Count = 32
    """Crops a step and worker."""
    epochs: Count = 30
    steps_per_epoch: Count = 1000
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 0.001
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.02
    warm_up_steps: Annotated[int, Field(ge=0)] = 500
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.05
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the running average of the weights that is evaluated and kept; 0 switches it off."""
    seed: int = 0
    workers: Count = 1
    """Ray Train workers, one GPU each where `gpus` is set."""
    gpus: bool = False
    loaders: Annotated[int, Field(ge=0, le=64)] = 2
    """Processes a worker that decode and manipulate crops; 0: in the worker itself."""
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """CPU threads of a worker's network; 0: its share of the cores, less those its loaders keep busy."""
    shuffle_labels: bool = False
    """Train on shuffled labels: the result must stay near chance, else something leaks."""
    test_crops: Annotated[int, Field(ge=1, le=64)] = 5
    """Crops a photograph in evaluation and prediction, geometric mean of their probabilities."""
    test_photos: Annotated[int, Field(ge=0)] = 0
    """Photographs evaluated, at most, spread evenly over the cameras; 0: all of the split."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.crop_px > self.outer_crop_px:
            raise ValueError(f"crop_px: {self.crop_px} is larger than outer_crop_px {self.outer_crop_px}")
        return self


class Clusters(Section):
    """Where work runs."""

    dask_scheduler: str | None = None
    """Address of a Dask scheduler, e.g. `tcp://10.0.0.5:8786`; none: an embedded cluster."""
    ray_dashboard: str = "http://127.0.0.1:8265"
    """Address `ray job submit` talks to."""


class Pipeline(Section):
    """A named chain of stages."""

    schedule: Annotated[str, Field(pattern=r"^(\S+ ){4}\S+$")] | None = None
    """Five fields of cron, UTC or the machine's own time; none: run by hand."""
    stages: Annotated[tuple[str, ...], Field(min_length=1)]
    """Commands as a person would type them, in order."""


class Demo(Section):
    """The simulated world of `make demo`, and the keys it changes in a copy of this configuration."""

    photos_per_device: Annotated[int, Field(ge=2, le=1000)] = 18
    seed: int = 2018
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Sections and keys as in this file; refused like any other fault when the demo's own copy is read."""
