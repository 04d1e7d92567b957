"""Sections of trainings: the network, its input and its schedule, and recipes, which are such settings under a name."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from corpus.sections.section import Count, Section
from corpus.validation import folder_path


class Training(Section):
    """The network, its input and its schedule."""

    recipe: str | None = None
    """Name of a recipe: a set of keys of this section, which hold unless the section gives them itself. `modern`,
    `kaggle-2018`, `keras-2018` and `small` are in corpus/sections/recipes.yaml; `recipes` adds your own. null: none, so
    that keys which are not given have the defaults listed here."""
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
    """Whether the network also learns to tell whether a crop was manipulated; its answer never uses this. The
    evaluation says how well it does (AUROC)."""
    manipulation_head_weight: Annotated[float, Field(gt=0, le=10)] = 0.2
    """Weight of that head's loss beside the cameras'."""
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    """Optimizer; `sgd` has Nesterov's momentum of 0.9."""
    schedule: Literal["cosine", "cyclic", "constant"] = "cosine"
    """How the learning rate changes. `cosine`: a warm-up to `learning_rate`, then down along half a cosine to 1 %.
    `constant`: a warm-up, then no change. `cyclic`: from 1 % up to `learning_rate` and down again in each of `cycles`,
    without a warm-up."""
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
    start_from: str | None = None
    """Finished run whose weights the training starts from: its name, or `last` for the last one that fits, with the
    same network and fold and without cameras that are gone. Rows of the classifier go by the names of the cameras;
    those of new cameras are drawn. `last` starts anew, and says why, where no run fits. null: none."""
    loss: Literal["cross_entropy", "cosine"] = "cross_entropy"
    """What is minimised. `cosine`: cross-entropy of cosines between embedding and class, with a scale and a margin, so
    that the embeddings of a camera lie close together."""
    cosine_scale: Annotated[float, Field(gt=0, le=256)] = 16.0
    """Scale of the cosines."""
    cosine_margin: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """How much larger than all others the cosine of the right camera must be in training."""
    compile: bool | Literal["auto"] = False
    """Whether torch.compile compiles the network that is trained, each time a training starts: minutes at first, then
    faster steps. `auto`: where `gpus` is set and the machine has what that needs, a C compiler and Triton. `true` is
    for CPUs as well, where it needs a C++ compiler and seldom pays."""
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
    those of whole photographs do when they are judged. Crops that begin anywhere stand for photographs that were
    cropped before, whose grid may not be found."""
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
    """Highest learning rate; `schedule` says how it rises to it and falls again."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Weight decay: AdamW applies it to the weights themselves, Adam and SGD add it to the gradient. Biases and norms
    do not decay."""
    warm_up_steps: Annotated[int, Field(ge=0)] = 500
    """Steps in which the learning rate rises from 0, at most a quarter of all steps; `schedule: cyclic` has none."""
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
    manipulate_on: Literal["auto", "loaders", "device"] = "auto"
    """Where the crops of a training are manipulated: one after the other in the `loaders`, or a whole batch at once on
    the `device` that trains, so that the loaders only decode. The crops are the same, but for resized ones, in which
    some values differ by one level. `auto`: on a GPU by the device; on a CPU, where it is faster, by the loaders."""
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

    @field_validator("compile", mode="before")
    @classmethod
    def _whether_to_compile(cls, value: Any) -> Any:
        if not isinstance(value, bool) and value != "auto":
            raise ValueError("is not true, false or auto")
        return value

    @field_validator("cache_folder", "weights")
    @classmethod
    def _is_whole_path(cls, value: str | None) -> str | None:
        if value is not None and not folder_path(value).startswith(("/", "~")):
            raise ValueError("is not a whole path; begin it with / or ~, since loaders run in other folders")
        return value

    @field_validator("start_from")
    @classmethod
    def _is_run(cls, value: str | None) -> str | None:
        if value is not None and (not value or value.startswith((".", "-")) or "/" in value):
            raise ValueError("is not `last` or the name of a run")
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

    @model_validator(mode="after")
    def _device_can_resize(self) -> Self:
        if self.manipulate_on == "device" and self.interpolation != "cubic":
            raise ValueError(
                f"manipulate_on: device resizes by cubic interpolation alone, and interpolation is "
                f"{self.interpolation}; set manipulate_on to auto or loaders"
            )
        return self


class Recipe(Section):
    """Settings of a training under a name."""

    source: Annotated[str, Field(min_length=1)]
    """Where they come from, in one sentence."""
    train: dict[str, Any]
    """Keys of `train`."""
