"""Studies: what a finished network does beyond the challenge's protocol; costly, so only the full report has them.

Curves over the strength of each manipulation, far beyond what training covers; accuracy by the size of the crops;
crops off the JPEG grid, mirrored and turned; test-time augmentation; many crops; earlier checkpoints. Photographs
that are manipulated in turn have one of the challenge's eight manipulations each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.data.answers import MANIPULATED, OFF_GRID, QUICK, UNALTERED, Answers, Condition, Numbers, judge
from train.data.crops import SQUARE_PX, turned
from train.data.manipulations import Manipulation
from train.estimation.bootstrap import Resamples, resamples
from train.evaluation.figures import CHANGED, PLAIN, SCORES, figure, means, scores

PHOTOS_MAX = 1000
"""Photographs of a study, spread evenly over the cameras: each is judged about eighty times."""
STRENGTHS: Mapping[str, Sequence[float]] = {
    "jpeg": (30, 40, 50, 60, 70, 80, 90, 95, 100),
    "gamma": (0.25, 0.5, 0.65, 0.8, 1.0, 1.2, 1.35, 1.5, 1.75),
    "scale": (0.25, 0.35, 0.5, 0.65, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0),
}
CROP_SIZES_PX = (32, 48, 64, 96, 128, 192, 256, 384, 512)
CROP_COUNTS = (1, 2, 3, 5, 7, 9, 13, 17, 25)

VIEWS = {
    "as they are": (0, False),
    "turned by 90°": (1, False),
    "turned by 180°": (2, False),
    "turned by 270°": (3, False),
    "mirrored": (0, True),
    "mirrored, turned by 90°": (1, True),
    "mirrored, turned by 180°": (2, True),
    "mirrored, turned by 270°": (3, True),
}
"""Turns to the left, then a mirror image, as `train.data.crops.turned` has them."""
AUGMENTATIONS = {
    "no augmentation": ("as they are",),
    "mirror images": ("as they are", "mirrored"),
    "half turns": ("as they are", "turned by 180°"),
    "all turns": ("as they are", "turned by 90°", "turned by 180°", "turned by 270°"),
    "all turns and mirror images (D4)": tuple(VIEWS),
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """A network and the photographs that it is studied on."""

    network: nn.Module
    device: torch.device
    store: Store
    index: Index
    photo_rows: Numbers
    settings: Training

    def judge(
        self,
        conditions: Sequence[Condition],
        crops: int | None = None,
        crop_px: int | None = None,
        outputs: int | None = None,
    ) -> Answers:
        """Return the network's answers; errors as `train.data.answers.judge` has them."""
        return judge(
            self.network, self.device, self.store, self.index, self.photo_rows, self.settings,
            conditions=conditions, crops=crops or self.settings.test_crops, crop_px=crop_px, outputs=outputs,
        )  # fmt: skip

    @property
    def tile_px(self) -> int:
        """The edge that the central tiles of all the photographs have at least."""
        tiles = self.index.central_tiles(self.photo_rows)
        return int(min(self.index.tiles.at(name, tiles).min() for name in ("width_px", "height_px")))

    def takes(self, crop_px: int) -> bool:
        """Whether the network takes crops of this size; those of a fixed input size take no other."""
        if crop_px == self.settings.crop_px:
            return True
        try:
            with torch.inference_mode():
                self.network(torch.zeros(1, 3, crop_px, crop_px, dtype=torch.uint8, device=self.device))
        except (RuntimeError, AssertionError, ValueError):
            return False
        return True


def studies(subject: Subject, checkpoints: Mapping[str, Mapping[str, Tensor]], say: Callable[[str], None]) -> Row:
    """Return the rows of all studies by name; `say` is told what is begun.

    `checkpoints`: weights of earlier epochs by name; the network has its own weights again afterwards.
    """
    say("curves over the strength of manipulations")
    found: Row = {"curves": curves(subject)}
    say("accuracy by size of the crops")
    found["crop_sizes"] = crop_sizes(subject)
    say("views and test-time augmentation")
    views = judged_views(subject)
    found["views"], found["tta"] = view_rows(subject, views), augmentation_rows(views)
    say("many crops")
    found["many_crops"] = many_crops(subject)
    say("checkpoints")
    found["checkpoints"] = checkpoint_rows(subject, checkpoints)
    return found


def curves(subject: Subject) -> list[Row]:
    """Return the accuracy by kind and strength of manipulation, and the crops' size, which small pictures limit."""
    tile_px = subject.tile_px
    sized: dict[int, list[Condition]] = {}
    for kind, strengths in STRENGTHS.items():
        for strength in strengths:
            made = Manipulation(kind, strength)  # type: ignore[arg-type]
            scale = strength if kind == "scale" else 1.0
            crop_px = min(subject.settings.crop_px, int(tile_px * scale))
            if crop_px >= CROP_SIZES_PX[0] and subject.takes(crop_px):
                sized.setdefault(crop_px, []).append(Condition(made.name, made.apply, scale))
    rows = {}
    for crop_px, conditions in sized.items():
        answers = subject.judge(conditions, crop_px=crop_px)
        drawn = resamples(answers.devices, answers.labels)
        for condition, accuracy in zip(conditions, means(answers.right(), drawn), strict=True):
            rows[condition.name] = {"crop_px": crop_px, "photos": len(answers.photos), "accuracy": accuracy}
    return [
        {"kind": kind, "strength": strength, **rows[name]}
        for kind, strengths in STRENGTHS.items()
        for strength in strengths
        if (name := Manipulation(kind, strength).name) in rows  # type: ignore[arg-type]
    ]


def crop_sizes(subject: Subject) -> list[Row]:
    """Return the scores by the crops' size: unaltered where the tiles hold it, manipulated where a reduced one does."""
    rows = []
    for crop_px in sorted({*CROP_SIZES_PX, subject.settings.crop_px}):
        if crop_px > min(subject.tile_px, SQUARE_PX) or not subject.takes(crop_px):
            continue
        is_reducible = 2 * crop_px <= subject.tile_px
        answers = subject.judge(QUICK if is_reducible else (UNALTERED,), crop_px=crop_px)
        drawn = resamples(answers.devices, answers.labels)
        found = dict(zip(answers.conditions, means(answers.right(), drawn), strict=True))
        rows.append({"crop_px": crop_px, PLAIN: found[PLAIN], CHANGED: found.get(CHANGED)})
    return rows


def judged_views(subject: Subject) -> Answers:
    """Return the answers for all views of each photograph, unaltered and manipulated in turn."""
    conditions = []
    for name, (turn, is_mirrored) in VIEWS.items():
        view = partial(turned, turn=turn, mirrored=is_mirrored)
        conditions.append(Condition(f"{PLAIN}, {name}", view=view))
        conditions.append(
            Condition(f"{CHANGED}, {name}", in_turn=tuple(replace(each, view=view) for each in MANIPULATED))
        )
    return subject.judge(conditions)


def view_rows(subject: Subject, views: Answers) -> list[Row]:
    """Return the accuracy on turned and mirrored crops, and on crops off the JPEG grid, as they are."""
    moved = subject.judge(OFF_GRID)
    drawn = resamples(views.devices, views.labels)
    rows = []
    for name in VIEWS:
        right = views.under(f"{PLAIN}, {name}", f"{CHANGED}, {name}").right()
        rows.append({"view": name, **dict(zip((PLAIN, CHANGED), means(right, drawn), strict=True))})
    found = means(moved.right(), resamples(moved.devices, moved.labels))
    return [*rows, {"view": "off the JPEG grid", **dict(zip((PLAIN, CHANGED), found, strict=True))}]


def augmentation_rows(views: Answers) -> list[Row]:
    """Return the scores when several views of each crop vote, by the geometric mean, and their gain over one view."""
    drawn = resamples(views.devices, views.labels)
    values = views.log_probabilities()
    rows, before = [], None
    for name, chosen in AUGMENTATIONS.items():
        voted = np.stack(
            [
                values[:, [views.conditions.index(f"{kind}, {view}") for view in chosen]].mean(axis=1)
                for kind in (PLAIN, CHANGED)
            ],
            axis=1,
        )
        scored = scores(voted.argmax(axis=2) == views.labels[:, None], (PLAIN, CHANGED))
        before = scored if before is None else before
        gain = means(scored - before, drawn)[SCORES.index("weighted")]
        rows.append(
            {"augmentation": name, "views": len(chosen), **dict(zip(SCORES, means(scored, drawn), strict=True)),
             "gain": gain}
        )  # fmt: skip
    return rows


def many_crops(subject: Subject) -> list[Row]:
    """Return the scores by the number of crops that vote, as far as they differ."""
    answers = subject.judge(QUICK, crops=CROP_COUNTS[-1])
    drawn = resamples(answers.devices, answers.labels)
    most = int((~np.isnan(answers.logits[..., 0])).sum(axis=2).max(initial=0))
    return [
        {
            "crops": crops,
            **dict(zip(SCORES, means(scores(answers.right(crops), answers.conditions), drawn), strict=True)),
        }
        for crops in CROP_COUNTS
        if crops <= most
    ]


def checkpoint_rows(subject: Subject, checkpoints: Mapping[str, Mapping[str, Tensor]]) -> list[Row]:
    """Return the scores of each checkpoint and, of several, of their geometric mean with its gain over each."""
    own = {name: tensor.detach().clone() for name, tensor in subject.network.state_dict().items()}
    judged = {}
    try:
        for name, weights in checkpoints.items():
            subject.network.load_state_dict(dict(weights))
            judged[name] = subject.judge(QUICK)
    finally:
        subject.network.load_state_dict(own)
    return ensemble_rows(judged)


def ensemble_rows(judged: Mapping[str, Answers]) -> list[Row]:
    """Return the scores of several answers for the same photographs, and of their ensemble where there are two."""
    if not judged:
        return []
    first = next(iter(judged.values()))
    drawn = resamples(first.devices, first.labels)
    together = ensemble(list(judged.values()))
    scored = {name: scores(answers.right(), answers.conditions) for name, answers in judged.items()}
    voted = scores(together.right(), together.conditions)
    rows = [_ensemble_row(name, values, voted - values, drawn) for name, values in scored.items()]
    return [*rows, _ensemble_row("together", voted, None, drawn)] if len(judged) > 1 else rows


def ensemble(judged: Sequence[Answers]) -> Answers:
    """Return the ensemble of answers for the same photographs under the same conditions: each votes as one crop."""
    first = judged[0]
    votes = np.stack([answers.log_probabilities() for answers in judged], axis=2).astype(np.float32)
    return replace(first, logits=votes)


def _ensemble_row(name: str, values: npt.NDArray[Any], gain: npt.NDArray[Any] | None, drawn: Resamples) -> Row:
    row = {"weights": name, **dict(zip(SCORES, means(values, drawn), strict=True))}
    gained = figure(float("nan"), np.full(2, np.nan)) if gain is None else means(gain, drawn)[SCORES.index("weighted")]
    return row | {"gain_of_all": gained}
