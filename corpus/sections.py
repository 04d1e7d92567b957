"""The sections of `pipelines.yaml`: every key with its type, range, default and meaning.

The docstring below a key is its description in docs/reference/configuration.md. A key that is left out has its default,
which is that of the shipped file.
"""

import re
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from corpus.text import parsed_time
from corpus.validation import check_pattern, crontab_schedule, folder_path, matching, web_address

WIKIMEDIA_LIMITS = (3, 2, 25.0)
"""Concurrent API requests, concurrent downloads and Mbit/s that Wikimedia grants robots."""


class Section(BaseModel):
    """A frozen part of the configuration that refuses unknown keys; a field's docstring is its description."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: Any, info: ValidationInfo) -> Any:
        kind = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and {int, float} & {kind, *get_args(kind)}:  # Python takes true for 1
            raise ValueError("is not a number")
        if isinstance(value, str) and re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", value):
            raise ValueError("is not free of control characters; write plain text on one line")
        return value


Fraction = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Crawl(Section):
    """How every spider behaves towards every host."""

    contact: str = ""
    """E-mail address or web page of whoever runs the crawl, for the User-Agent; the sites demand one."""
    delay_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Shortest time between the starts of two requests to one host, in seconds."""
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 180.0
    """Longest time for one response, body included, in seconds."""
    retries: Annotated[int, Field(ge=0, le=20)] = 5
    """How often a request is repeated after a broken connection or a server error."""
    header_bytes: Annotated[int, Field(ge=1024, le=4 << 20)] = 32768
    """Bytes of an original that are requested first: 32 KiB hold the whole header of 73 % of photographs."""
    original_max_bytes: Annotated[int, Field(ge=1 << 20)] = 64 << 20
    """Size in bytes of the largest original that is downloaded."""
    limits_folder: str = ""
    """Folder in which the crawls on this machine share their limits: request slots, pauses of a host, calls an hour.
    If empty, `shutterprint/limits` below $XDG_STATE_HOME, or else below ~/.local/state."""

    _check_folder = field_validator("limits_folder")(folder_path)


class Site(Section):
    """Keys of every photo site that has an API."""

    api_url: str
    """Address of the API."""
    hosts: tuple[str, ...]
    """The only hosts that are contacted, as shell-style patterns. A host whose name resolves to an address that is not
    public is refused unless that address is listed as well."""
    api_requests: Annotated[int, Field(ge=1, le=64)] = 2
    """Most concurrent API requests to one host, by all crawls on this machine together."""
    file_requests: Annotated[int, Field(ge=1, le=64)] = 2
    """Most concurrent downloads from one host, by all crawls on this machine together."""
    megabits_per_s: Annotated[float | None, Field(gt=0)] = None
    """Most Mbit/s that all downloads from one host take together, on average; null: no limit."""
    since: str
    """Earliest upload time that is crawled, an ISO 8601 date or time in UTC."""
    until: str | None = None
    """Latest upload time that is crawled, an ISO 8601 date or time in UTC; null: the start of the crawl."""
    look_back_days: Annotated[int, Field(ge=0, le=366)] = 7
    """Days up to now that every crawl lists again, because photographs are published, described or categorised late."""
    revisit_days: Annotated[int, Field(ge=0, le=36_500)] = 90
    """Days after which a window is listed again, for what was changed or deleted at the site; 0: never."""

    _check_api_url = field_validator("api_url")(web_address("https://api.example.org/"))

    @field_validator("since")
    @classmethod
    def _is_time(cls, value: str) -> str:
        parsed_time(value)
        return value

    @field_validator("until")
    @classmethod
    def _is_later(cls, value: str | None, info: ValidationInfo) -> str | None:
        since = info.data.get("since")  # missing where it is wrong itself
        if value is not None and (end_s := parsed_time(value)) and since and end_s <= parsed_time(since):
            raise ValueError(f"is not later than since, {since}")
        return value


class Flickr(Site):
    """The Flickr API; its key comes from the environment's FLICKR_API_KEY."""

    api_url: str = "https://api.flickr.com/services/rest/"
    """Address of the Flickr API."""
    hosts: tuple[str, ...] = ("api.flickr.com", "*.staticflickr.com")
    """The only hosts that are contacted, as shell-style patterns. A host whose name resolves to an address that is not
    public is refused unless that address is listed as well."""
    since: str = "2010-01-01"
    """Earliest upload time that is crawled, an ISO 8601 date or time in UTC."""
    licences: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
        "8",
        "9",
        "10",
        "11",
        "12",
        "13",
        "14",
        "15",
        "16",
    )
    """Flickr's ids of the licences that are crawled: all but 0, all rights reserved."""


class Wikimedia(Site):
    """The MediaWiki API of Wikimedia Commons, or of another wiki."""

    api_url: str = "https://commons.wikimedia.org/w/api.php"
    """Address of the wiki's API."""
    hosts: tuple[str, ...] = ("commons.wikimedia.org", "upload.wikimedia.org")
    """The only hosts that are contacted, as shell-style patterns. A host whose name resolves to an address that is not
    public is refused unless that address is listed as well."""
    api_requests: Annotated[int, Field(ge=1, le=64)] = 3
    """Most concurrent API requests, by all crawls on this machine together; Wikimedia grants robots 3."""
    file_requests: Annotated[int, Field(ge=1, le=64)] = 2
    """Most concurrent downloads, by all crawls on this machine together; Wikimedia grants robots 2."""
    megabits_per_s: Annotated[float | None, Field(gt=0)] = 25.0
    """Most Mbit/s that all downloads take together, on average; Wikimedia grants robots 25. null: no limit."""
    since: str = "2004-09-01"
    """Earliest upload time that is crawled, an ISO 8601 date or time in UTC."""
    categories: tuple[str, ...] = ()
    """Categories that are crawled besides those of the cameras, without `Category:`."""
    depth: Annotated[int, Field(ge=0, le=10)] = 3
    """Levels of subcategories that are followed."""
    structured_search: bool = False
    """Whether to search files by the camera of their structured data (property P4082) as well. It finds cameras that
    have a Wikidata id in the catalogue."""

    @model_validator(mode="after")
    def _within_robot_policy(self) -> Self:
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
    """A folder of existing files."""

    path: str = ""
    """The collection's root folder; a relative path starts at the configuration file's folder."""
    pattern: str | None = None
    """Glob pattern of the files below `path`; null: that of the layout."""

    layout: Literal["exif", "folders", "challenge", "vision", "fodb", "dresden"] = "exif"
    """How the collection is laid out. With `exif`, EXIF names each file's camera; with `folders`, its folder does, by
    the catalogue's key or name; the others are published collections as their authors lay them out."""
    owner: int | str | None = None
    """Which part of a file's path names its owner, the person whose photographs count as one voice when cameras are
    learned. null: the whole tree is one owner, except in published collections, whose devices are one each. An integer:
    the folder at that level below `path`, 1 being the first. Text: a regular expression with a group `owner`, matched
    from the beginning of the path below `path`, e.g. `[^/]+/(?P<owner>[^/]+) - `. A file whose path does not reach so
    far counts among those of the whole tree."""
    link: bool = False
    """Whether originals are hard links to the files instead of copies, where the storage is on the same file system.
    Programs that rewrite a file in place then change the original too, so every crawl reads all of them again."""

    @field_validator("owner", mode="before")
    @classmethod
    def _level_or_pattern(cls, value: Any) -> Any:
        if isinstance(value, str):
            check_pattern(value, "owner")
        elif value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 50):
            raise ValueError("is not null, a level from 1 to 50, or a pattern with a group (?P<owner>…)")
        return value

    _check_path = field_validator("path")(folder_path)

    @field_validator("pattern")
    @classmethod
    def _lies_below(cls, value: str | None) -> str | None:
        if value is not None and not set(value.split("/")).isdisjoint({"", ".", ".."}):
            raise ValueError("is not a pattern of paths below sources.folder.path, such as **/*.jpg")
        return value


class Sources(Section):
    """Where photographs come from."""

    flickr: Flickr = Flickr()
    """Flickr."""
    wikimedia: Wikimedia = Wikimedia()
    """Wikimedia Commons, or another wiki."""
    folder: Folder = Folder()
    """A folder of existing files."""


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
    judge_photos: Annotated[int, Field(ge=100)] = 10_000
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


class Training(Section):
    """The network, its input and its schedule."""

    recipe: str | None = None
    """Name of a recipe, whose keys count where this section has none of its own: `modern`, `kaggle-2018`, `keras-2018`,
    `small` (corpus/recipes.yaml), or one of `recipes`. null: none."""
    network: str = "convnext_tiny"
    """Name of a timm model, or `shutter_small`, a small residual network for CPUs. Models of a fixed input size (ViT,
    Swin) are built for `crop_px`."""
    pretrained: bool = False
    """Whether to start from timm's published weights, which are downloaded from the Hugging Face Hub."""
    front: Literal["rgb", "residual", "both"] = "residual"
    """What the network sees: the pixels (`rgb`), their high-pass residuals, or both side by side."""
    pooling: Literal["mean", "mean_std"] = "mean_std"
    """How the last feature map becomes one embedding: by the network's own pooling (`mean`), or by mean and standard
    deviation of each feature over all places (`mean_std`)."""
    manipulation_head: bool = False
    """Whether the network also learns to tell whether a crop was manipulated; its answer never uses this."""
    manipulation_head_weight: Annotated[float, Field(gt=0, le=10)] = 0.2
    """Weight of that head's loss beside the cameras'."""
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    """Optimizer; `sgd` has Nesterov's momentum of 0.9."""
    schedule: Literal["cosine", "cyclic", "constant"] = "cosine"
    """How the learning rate goes on after the warm-up: down along half a cosine to 1 %, or constant. `cyclic`: from 1 %
    up to `learning_rate` and down again in each of `cycles`, without a warm-up."""
    cycles: Annotated[int, Field(ge=1, le=1000)] = 3
    """Cycles of the learning rate with `schedule: cyclic`."""
    frozen_stages: Annotated[int, Field(ge=0, le=1000)] = 0
    """Stages of the network, from the input on, whose weights do not change at first; the stem is one. For weights that
    were trained before."""
    unfreeze_every_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs after which one more frozen stage learns, the one nearest the classifier first; 0: never."""
    rate_by_depth: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor of the learning rate for each stage from the classifier towards the input."""
    weights: str | None = None
    """Path of a safetensors file whose weights the training starts from, instead of a download: as timm publishes them,
    or `weights.safetensors` of a run with the same network and front. null: none."""
    loss: Literal["cross_entropy", "cosine"] = "cross_entropy"
    """What is minimised. `cosine`: cross-entropy of cosines between embedding and class, with a scale and a margin, so
    that the embeddings of a camera lie close together."""
    cosine_scale: Annotated[float, Field(gt=0, le=256)] = 16.0
    """Scale of the cosines."""
    cosine_margin: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """How much larger than all others the cosine of the right camera must be in training."""
    compile: bool = False
    """Whether the network is compiled by torch.compile: minutes at the start, then faster steps, above all on GPUs."""
    outer_crop_px: Annotated[int, Field(ge=32)] = 960
    """Edge in pixels of the random crop of a tile that a manipulation is applied to, in training alone: evaluation
    judges the central 512 px of a photograph after the manipulation, as the challenge did."""
    crop_px: Annotated[int, Field(ge=32)] = 480
    """Edge in pixels of the random crop of the result that the network sees."""
    manipulation_probability: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the training crops that are manipulated (JPEG, resize or gamma)."""
    interpolation: Literal["cubic", "varied"] = "cubic"
    """How training crops are resized: by plain bicubic interpolation (`cubic`), as evaluation does, or each by OpenCV's
    linear, area, cubic or Lanczos interpolation, drawn at random (`varied`); loaders do that, a GPU does not."""
    flips: Literal["none", "turns", "d4"] = "none"
    """How training crops are turned: not at all, by a random multiple of 90° (`turns`), or mirrored as well (`d4`).
    Sensor, demosaicing and JPEG tables are written in one orientation, which a network learns from unturned crops."""
    alignment_unknown: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Share of the training crops that begin anywhere. All others begin on the photograph's 8×8 grid of JPEG blocks, as
    those of whole photographs do when they are judged; the rest is for photographs that were cropped before."""
    sampling: Literal["balanced", "natural"] = "balanced"
    """How the samples are drawn. `balanced`: each class equally often; within a class each group (device, else owner)
    equally often, so that nobody who took many photographs stands for the class; within a group each photograph, then
    each of its tiles. Every round over the members of a class, a group or a photograph has each of them exactly once.
    `natural`: each tile exactly once in every round over all tiles, so that classes are as frequent as they are."""
    reader: Literal["exact", "webdataset"] = "exact"
    """How tiles are read. `exact`: only the bytes that each crop needs, by the index; every sample comes exactly when
    it is due. `webdataset`: whole tars from end to end through the webdataset library, for storage where reading at
    many places is slow; samples come about as often as they should, and others in another order each time a run is
    continued. It needs `sampling: natural`."""
    batch: Count = 32
    """Crops in one step of one worker."""
    epochs: Count = 30
    """Epochs; a checkpoint is written after each."""
    steps_per_epoch: Count = 1000
    """Steps in an epoch."""
    accumulate: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Batches of each worker whose gradients are added up to one step, so a step learns from `batch` × `accumulate` ×
    `workers` crops."""
    checkpoint_minutes: Annotated[float, Field(ge=0, le=100_000)] = 15.0
    """Minutes after which a checkpoint is written within an epoch; 0: only at the ends of epochs."""
    crops_per_photo: Annotated[int, Field(ge=1, le=1024)] = 1
    """Crops that are taken of a photograph's tile whenever its turn comes, one after the other in the sequence of
    samples, so that they meet in one step. `batch` must be a multiple of it."""
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 0.001
    """Highest learning rate of AdamW, reached after the warm-up; it then falls along half a cosine to 1 %."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Weight decay of AdamW; biases and norms do not decay."""
    warm_up_steps: Annotated[int, Field(ge=0)] = 500
    """Steps in which the learning rate rises from 0, at most a quarter of all steps."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Label smoothing of the cross-entropy loss."""
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the running average of the weights, which is what is evaluated and kept; 0: no average."""
    seed: int = 0
    """Seed of the weights, the samples' order and the crops."""
    workers: Count = 1
    """Ray Train workers, with one GPU each where `gpus` is set."""
    gpus: bool = False
    """Whether each worker trains on a GPU."""
    loaders: Annotated[int, Field(ge=0, le=64)] = 2
    """Processes for each worker that decode and manipulate crops; 0: the worker does it itself."""
    cache_folder: str | None = None
    """Folder of this machine in which training and evaluation keep files of an object store that are wanted again. With
    `reader: exact` the index and the tables beside the tars, about 4 % of the tars' bytes, but no tar; with
    `webdataset` the index and whole tars. null: a private folder of this user in the system's temporary directory,
    which all other commands use as well."""
    cache_gb: Annotated[float, Field(gt=0, le=100_000)] = 20.0
    """Most gigabytes in that folder; what was not used for longest goes first. What a process has mapped takes its
    place on the disk until the process ends."""
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """CPU threads of a worker's network; 0: the worker's share of the cores, less one for each of its loaders."""
    shuffle_labels: bool = False
    """Whether to train on shuffled labels, as a test: accuracy must stay near chance, or else something leaks."""
    test_crops: Annotated[int, Field(ge=1, le=64)] = 5
    """Crops of a photograph whose probabilities evaluation and prediction combine, by their geometric mean."""
    fold: Annotated[int | None, Field(ge=0)] = None
    """Fold that is held out for evaluation, 0 to `curation.folds` - 1, for cross-validation: the next fold chooses the
    epoch and all others train, whatever their split. null: the splits are used."""
    held_out_cameras: tuple[str, ...] = ()
    """Keys of cameras that the network is not trained on. In the evaluation their photographs, of all splits, are those
    of unknown cameras: the validation split calibrates the answer "none of these", the others measure it."""
    test_photos: Annotated[int, Field(ge=0)] = 0
    """Most photographs that are evaluated, spread evenly over the cameras; 0: the whole split."""

    @field_validator("cache_folder", "weights")
    @classmethod
    def _is_whole_path(cls, value: str | None) -> str | None:
        if value is not None and not folder_path(value).startswith(("/", "~")):
            raise ValueError("is not a whole path; begin it with / or ~, since loaders run in other folders")
        return value

    @model_validator(mode="after")
    def _crop_fits(self) -> Self:
        if self.crop_px > self.outer_crop_px:
            raise ValueError(f"crop_px: {self.crop_px} is larger than outer_crop_px {self.outer_crop_px}")
        return self

    @model_validator(mode="after")
    def _crops_of_a_photo_meet(self) -> Self:
        if self.batch % self.crops_per_photo:
            raise ValueError(
                f"crops_per_photo: {self.crops_per_photo} does not divide batch {self.batch}, and the crops of a "
                "photograph must meet in one step; set batch to a multiple of it"
            )
        return self

    @model_validator(mode="after")
    def _reader_can_sample(self) -> Self:
        if self.reader == "webdataset" and self.sampling == "balanced":
            raise ValueError(
                "reader: webdataset reads whole tars as they are and cannot balance the classes; set sampling to "
                "natural, or reader to exact"
            )
        return self


class Recipe(Section):
    """Settings of a training under a name."""

    source: Annotated[str, Field(min_length=1)]
    """Where they come from, in one sentence."""
    train: dict[str, Any]
    """Keys of `train`."""


class Clusters(Section):
    """Where work runs."""

    dask_scheduler: str | None = None
    """Address of a Dask scheduler, e.g. `tcp://10.0.0.5:8786`; null: a cluster on this machine."""
    ray_dashboard: str = "http://127.0.0.1:8265"
    """Address of the Ray dashboard that `ray job submit` talks to."""

    _check_scheduler = field_validator("dask_scheduler")(
        matching(r"([a-z]+://)?[^\s/]+:\d+/?", "an address like tcp://10.0.0.5:8786")
    )
    _check_dashboard = field_validator("ray_dashboard")(web_address("http://127.0.0.1:8265"))


class Pipeline(Section):
    """A named chain of stages."""

    schedule: str | None = None
    """The five fields of a crontab line, in the time zone of cron; null: the pipeline is only run by hand."""
    stages: Annotated[tuple[str, ...], Field(min_length=1)]
    """Commands as a person would type them, in order; `{config}` is the configuration file's path."""
    rounds: Annotated[int, Field(ge=1, le=5)] = 1
    """How often the stages up to curation run at most: again where curation has learned that photographs are wanted
    which the crawl has refused."""

    _check_schedule = field_validator("schedule")(crontab_schedule)


class Demo(Section):
    """The simulated world of `make demo`, and the keys it changes in a copy of this configuration."""

    photos_per_device: Annotated[int, Field(ge=2, le=1000)] = 18
    """Genuine photographs of each of the forty-eight simulated devices; a third as many spoilt ones are added."""
    seed: Annotated[int, Field(ge=0)] = 2018
    """Seed of everything that is simulated."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Sections and keys as in this file; they are checked when the demo's copy is read."""
