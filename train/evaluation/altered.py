"""Altered: how well a network's own head tells manipulated photographs from unaltered ones.

Networks that were trained with `train.manipulation_head` give beside their logits one number for "was this crop
manipulated". A photograph's score is the mean over its crops. It never changes the answer.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from corpus.page import paragraph, section, table
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.data.answers import UNALTERED, Answers, Condition, Numbers, judge
from train.estimation.bootstrap import or_none, statistic_intervals
from train.estimation.ranking import auroc
from train.evaluation.table import figure_text
from train.model.network import CameraNetwork

KEY = "manipulation_head"
"""Name of these figures in `evaluation.json`."""
DRAWS = 1000

Floats = npt.NDArray[np.float64]


class _WithAltered(nn.Module):
    """A network whose last output for a crop is the logit of "this crop was manipulated"."""

    def __init__(self, network: CameraNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops_nchw: Tensor) -> Tensor:
        logits, altered = self.network(crops_nchw, with_altered=True)
        return torch.cat([logits.float(), altered.float()[:, None]], dim=1)


def judge_altered(
    network: CameraNetwork,
    device: torch.device,
    store: Store,
    index: Index,
    photo_rows: Numbers,
    settings: Training,
    *,
    conditions: Sequence[Condition],
    crops: int,
) -> tuple[Answers, dict[str, Any]]:
    """Return the answers as `judge` does, and the figures of the head, by KEY; no figures where there is no head."""
    if network.manipulation is None:
        return judge(network, device, store, index, photo_rows, settings, conditions=conditions, crops=crops), {}
    both = judge(
        _WithAltered(network), device, store, index, photo_rows, settings,
        conditions=conditions, crops=crops, outputs=len(index.classes) + 1,
    )  # fmt: skip
    answers = replace(both, logits=both.logits[..., :-1])
    return answers, {KEY: altered_figures(answers, both.logits[..., -1])} if both.photos else {}


def altered_figures(answers: Answers, altered: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Return the AUROC of manipulated against unaltered photographs, of all manipulations together and of each.

    `altered`: logits, photographs × conditions × crops, NaN where a photograph has fewer crops. 0.5 is chance.
    Intervals are by device, as those of all figures.
    """
    scores = np.nanmean(altered.astype(np.float64), axis=2)
    plain = answers.conditions.index(UNALTERED.name)
    changed = [place for place in range(len(answers.conditions)) if place != plain]

    def values(rows: Numbers) -> Floats:
        unaltered = scores[rows, plain]
        return np.array(
            [
                auroc(scores[rows][:, changed].reshape(-1), unaltered),
                *(auroc(scores[rows, place], unaltered) for place in changed),
            ]
        )

    found = values(np.arange(len(scores))).tolist()
    intervals = statistic_intervals(values, answers.devices, answers.labels, DRAWS)
    together, *each = (
        {"value": value, "interval": or_none(interval)} for value, interval in zip(found, intervals, strict=True)
    )
    named = (answers.conditions[place] for place in changed)
    return {"auroc": together, "by_manipulation": dict(zip(named, each, strict=True))}


def altered_section(told: dict[str, Any]) -> str:
    """Return the section of a page for these figures."""
    rows = {"all manipulations": told["auroc"], **told["by_manipulation"]}
    return section(
        "Manipulated or not",
        paragraph(
            "How well the network's second head tells manipulated photographs from the same ones unaltered: the chance "
            "that a manipulated one scores higher (AUROC); 0.5 says nothing. The answers above do not use it."
        ),
        table(("manipulation", "AUROC", "95 % interval"), [(name, *figure_text(each)) for name, each in rows.items()]),
    )
