"""Camera: which camera the pixels say took the photograph, and whether the file names the same one."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from examiner.detectors.camera.judging import answer_of, log10_odds_against, share_of
from examiner.finding import Finding, Table
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph

if TYPE_CHECKING:
    from train.model.loaded import Model
    from train.prediction.answers import Answer

_SHOWN = 5
_METHOD = (
    "A network judges {crops} crops of {crop_px} px from the middle of the picture, which it was trained to tell "
    "cameras by; the mean of their log-probabilities is calibrated on photographs by devices it was not trained on."
)
_SOURCE = "docs/decisions/0018-figures-by-device.md and 0019-a-model-to-hand-on.md of this project"
_CAUTION = (
    "Resizing, strong compression, filters and screenshots change the traces of a camera. Cameras that the network "
    "does not know are not always taken for unknown, and siblings by one maker are taken for each other."
)
_CLAIM_CAUTION = (
    "Software that processes the picture anew changes the traces as another camera would; EXIF that was copied from "
    "another file claims what was never true. A network that was trained on more cameras, or on such processing, would "
    "change this."
)


def camera_from_pixels(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say which camera a network sees in the pixels, and whether that agrees with the camera that EXIF names."""
    if knowledge.run is None:
        return
    model = knowledge.run.model
    answer = answer_of(photograph.data, model, knowledge.catalogue)
    method = _METHOD.format(crops=model.settings.test_crops, crop_px=model.settings.crop_px)
    yield Finding(
        "camera", "camera", f"The pixels look like those of {_named(answer, model)}{_notes(answer)}.", "expected",
        evidence=(_table(answer, model),), method=method, source=_SOURCE, caution=_CAUTION,
    )  # fmt: skip
    yield _claim(answer, model, method)


def _claim(answer: "Answer", model: "Model", method: str) -> Finding:
    stated = " ".join(word for word in (answer.make, answer.model) if word)
    if not stated:
        return _nothing("The file names no camera with which the pixels could agree.", method)
    if answer.claim is None or answer.claim not in model.cameras:
        return _nothing(
            f"The file names {stated}, which the network does not know: the pixels cannot confirm it.", method
        )
    name, score = model.name_of(answer.claim), log10_odds_against(answer, answer.claim)
    share = share_of(answer, answer.claim)
    if answer.verdict == "agrees":
        statement = (
            f"The file names {name}, which is also the camera that the pixels look like most: the network gives it a "
            f"probability of {_shown(share)}."
        )
    else:
        statement = (
            f"The file names {name}, to which the network gives a probability of {_shown(share)}; it sees "
            f"{_named(answer, model)}."
        )
    return Finding(
        "camera_claim", "camera", statement, "expected", score,
        method=f"{method} The score is the decimal logarithm of the odds against the camera that EXIF names.",
        source=_SOURCE, caution=_CLAIM_CAUTION,
    )  # fmt: skip


def _nothing(statement: str, method: str) -> Finding:
    return Finding("camera_claim", "camera", statement, "none", method=method, source=_SOURCE, caution=_CLAIM_CAUTION)


def _named(answer: "Answer", model: "Model") -> str:
    """Return the likeliest camera with its probability, or that it is none of these."""
    key, share = answer.cameras[0]
    if not answer.none_of_these:
        return f"{model.name_of(key)} ({_shown(share)} among the {len(answer.cameras)} cameras that the network knows)"
    none = "none of the cameras that the network knows"
    if answer.none_probability is not None:
        none += f" ({_shown(answer.none_probability)})"
    return f"{none}; the nearest is {model.name_of(answer.sibling or key)}"


def _notes(answer: "Answer") -> str:
    return f"; {'; '.join(answer.notes)}" if answer.notes else ""


def _table(answer: "Answer", model: "Model") -> Table:
    rows = [(model.name_of(key), _shown(share)) for key, share in answer.cameras[:_SHOWN]]
    if answer.none_probability is not None:
        rows.append(("none of these, where unknown cameras are as frequent", _shown(answer.none_probability)))
    rows += [(f"photographs that get this answer and are of {model.name_of(key)}", _shown(share))
             for key, share in answer.confused_with]  # fmt: skip
    return Table("Cameras with their calibrated probabilities", ("camera", "probability"), tuple(rows))


def _shown(share: float) -> str:
    """Return a probability as people read it: never 0 or 1, which nothing measured is."""
    return "under 0.001" if share < 0.001 else "over 0.999" if share > 0.999 else f"{share:.3f}"
