"""Answers: what a model, the file and its EXIF say of each photograph, in the order of the files.

Files are read, decoded and cut in loader processes, and the crops of several photographs are judged together. Where a
file ends the process that decodes it, only that file gets an error.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from corpus.cameras.catalogue import Catalogue
from corpus.errors import StageError
from train.data.loading import PREFETCHED_BATCHES, load, prepare_loaders
from train.model.loaded import Judgement, Model
from train.prediction.finding import Found
from train.prediction.photographs import Photograph, Photographs, photograph
from train.prediction.views import View, chosen, is_claimed, more_views, said, views_of

FEW_FILES = 8
"""So few files are decoded by this process: starting others takes seconds."""
CROPS_MAX = 512
"""Most crops that wait to be judged together, whatever batch the network was trained with: 350 MB at 480 px."""
ENDED_MAX = 5
"""Files in a row that end a process of their own until it counts as the machine's trouble."""
_LOADED = (
    "train.prediction.photographs",
    "forensics.coefficients.decode_kernel",
    "forensics.coefficients.encode_kernel",
    "forensics.pixels.grid_kernel",
)
_ENDED = "ends the process that decodes it; the file is damaged, or needs more memory than this machine can give"


@dataclass(frozen=True)
class Answer:
    """The answer for one file: an error, or everything else."""

    file: str
    error: str | None = None
    cameras: tuple[tuple[str, float], ...] = ()
    """Catalogue keys of all the model's cameras with their probabilities, the likeliest first."""
    make: str | None = None
    model: str | None = None
    claim: str | None = None
    """Catalogue key of the camera that EXIF Make and Model name; None where the catalogue has no such camera."""
    verdict: str | None = None
    """`agrees`, `contradicts`, `no claim`, or `not a camera this network knows`."""
    none_of_these: bool = False
    none_probability: float | None = None
    """That it is of none of the cameras; None for a model that cannot tell."""
    sibling: str | None = None
    """Key of a camera by whose maker it seems to be, where it is none of these."""
    sibling_probability: float | None = None
    confused_with: tuple[tuple[str, float], ...] = ()
    """Cameras whose photographs are known to get this answer, and how often."""
    kind: str | None = None
    """`JPEG`, `PNG`, `WebP`, `TIFF` or `HEIC`."""
    orientation: int | None = None
    """EXIF Orientation, which turns the view for people; nothing is turned by it for judging."""
    turned: str | None = None
    """How the picture itself was turned against the sensor's, by its traces: `turned by 90° to the right`."""
    phase: tuple[int, int] | None = None
    """Where the 8×8 grid of its camera's JPEG begins; None where that is unknown."""
    phase_source: str | None = None
    """`own`: a whole JPEG; `earlier`: a cropped one; `estimated` from the pixels; `unknown`."""
    notes: tuple[str, ...] = ()
    """What a person should know: how it was turned and cut, and what its kind of file lacks."""


def answers(model: Model, catalogue: Catalogue, files: Sequence[Found], loaders: int) -> Iterator[Answer]:
    """Yield the answer for each file, in order; `catalogue` names the camera that EXIF claims.

    Loaders are started where there are more than FEW_FILES. Raises StageError where none can work.
    """
    waiting: list[Photograph] = []
    crops, most = 0, min(model.settings.batch, CROPS_MAX)
    for each in _photographs(model, files, loaders):
        waiting.append(each)
        crops += 0 if each.crops is None else len(each.crops)
        if crops >= most or len(waiting) >= most:
            yield from judged(model, catalogue, waiting)
            waiting, crops = [], 0
    yield from judged(model, catalogue, waiting)


def _photographs(model: Model, files: Sequence[Found], loaders: int) -> Iterator[Photograph]:
    """Yield what is to be judged of each file, in order."""
    data = Photographs(model.settings.crop_px, model.settings.test_crops)
    readable = [each.path for each in files if each.fault is None]
    loaded: Iterator[Photograph]
    if len(readable) <= FEW_FILES or loaders == 0:
        loaded = (photograph(path, data.crop_px, data.crops) for path in readable)
    else:
        prepare_loaders(*_LOADED)
        loaded = _loaded(data, readable, min(loaders, len(readable)))
    for each in files:
        yield next(loaded) if each.fault is None else Photograph(each.path, each.fault)


def _loaded(data: Photographs, paths: Sequence[str], loaders: int) -> Iterator[Photograph]:
    """Yield the photographs of these paths from loaders.

    Where one is killed, what was in the loaders then is tried again, each file in a process of its own. Raises
    StageError where ENDED_MAX of these in a row are killed: that is the machine's trouble.
    """
    place, alone_until, ended = 0, 0, 0
    while place < len(paths):
        alone = place < alone_until
        wanted = paths[place : place + 1] if alone else paths[place:]
        try:
            for several in load(data, [[path] for path in wanted], 1 if alone else loaders):
                yield from several
                place, ended = place + len(several), 0
        except (StageError, OSError, EOFError) as error:  # the latter two where it ends while it hands something on
            if alone:
                ended += 1
                if ended == ENDED_MAX:
                    raise StageError(f"predict: the processes that decode photographs end: {error}") from error
                yield Photograph(paths[place], _ENDED)
                place += 1
            else:
                alone_until = min(place + loaders * PREFETCHED_BATCHES, len(paths))


def judged(model: Model, catalogue: Catalogue, photographs: Sequence[Photograph]) -> Iterator[Answer]:
    """Yield the answers for a few photographs, which are judged together; `answers` reads files and calls this."""
    flips = model.settings.flips
    views = [
        [] if each.crops is None else views_of(each.width_px, each.height_px, each.exif_size_px, flips)
        for each in photographs
    ]
    judged = _in_views(model, photographs, views)
    more = [
        more_views(seen, said_there[0].cameras[0][1], said_there[0].none_of_these, flips) if said_there else []
        for seen, said_there in zip(views, judged, strict=True)
    ]
    for one, first, then, seen, again in zip(
        photographs, judged, _in_views(model, photographs, more), views, more, strict=True
    ):
        if one.error is not None:
            yield Answer(one.path, one.error)
            continue
        judgements = [*first, *then]
        place = chosen([*seen, *again], judgements)
        view = [*seen, *again][place]
        is_turned = is_claimed(view, judgements[0], judgements[place])
        yield _answer(model, catalogue, one, judgements[place], said(view) if is_turned else None)


def _in_views(
    model: Model, photographs: Sequence[Photograph], views: Sequence[Sequence[View]]
) -> list[list[Judgement]]:
    """Return the judgements of each photograph in each of its views."""
    crops = [
        view.of(one.crops)
        for one, several in zip(photographs, views, strict=True)
        if one.crops is not None
        for view in several
    ]
    if not crops:
        return [[] for _ in photographs]
    judgements = iter(model.judge_all(torch.cat(crops), [len(each) for each in crops]))
    return [[next(judgements) for _ in several] for several in views]


def _answer(model: Model, catalogue: Catalogue, one: Photograph, judgement: Judgement, turned: str | None) -> Answer:
    claim, verdict = _verdict(model, catalogue, one, judgement)
    phase, sibling = one.phase, judgement.sibling
    notes = [note for note in (turned, None if phase is None else phase.note, *one.notes) if note is not None]
    answer = Answer(
        one.path, None, judgement.cameras, one.make, one.model, claim, verdict,
        judgement.none_of_these, judgement.none_probability,
        confused_with=judgement.confused_with, kind=one.kind, orientation=one.orientation,
        turned=turned, notes=tuple(notes),
    )  # fmt: skip
    if sibling is not None:
        answer = replace(answer, sibling=sibling.camera, sibling_probability=sibling.probability)
    return answer if phase is None else replace(answer, phase=phase.origin, phase_source=phase.source)


def _verdict(model: Model, catalogue: Catalogue, one: Photograph, judgement: Judgement) -> tuple[str | None, str]:
    if not one.make and not one.model:
        return None, "no claim"
    camera = catalogue.identify(one.make, one.model) or model.catalogue.identify(one.make, one.model)
    if camera is None or camera.key not in model.cameras:
        return camera.key if camera else None, "not a camera this network knows"
    agrees = camera.key == judgement.likeliest and not judgement.none_of_these
    return camera.key, "agrees" if agrees else "contradicts"
