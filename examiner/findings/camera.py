"""Camera: which camera the pixels say took the photograph, and whether the file names the same one."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from examiner.detectors.camera.judging import answer_of, log10_odds_against, share_of
from examiner.finding import Finding, Table
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph

if TYPE_CHECKING:  # they need torch, and an examination without a network does not
    from train.model.loaded import Model
    from train.prediction.answers import Answer

_SHOWN = 5
_METHOD = (
    "A network that was trained to tell cameras apart judges {crops} crops of {crop_px} px from the middle of the "
    "picture; the mean of their log-probabilities is calibrated on photographs by devices it was not trained on."
)
_SOURCE = "Decisions 0018 and 0019 of this project"
_CAUTION = (
    "Resizing, strong compression, filters and screenshots change the traces of a camera. A camera that the network "
    "does not know is not always recognised as unknown, and similar models by one maker are confused with each other."
)
_CLAIM_CAUTION = (
    "Software that processes the picture anew can make it look like one by another camera, and EXIF that was copied "
    "from another file names a camera that did not take it. A network that was trained on more cameras, or on such "
    "processing, could answer otherwise."
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
        return _nothing("The file names no camera, so there is nothing to compare the pixels with.", method)
    if answer.claim is None or answer.claim not in model.cameras:
        return _nothing(
            f"The file names {stated}, which the network does not know, so the pixels cannot confirm it.", method
        )
    name, score = model.name_of(answer.claim), log10_odds_against(answer, answer.claim)
    probability = _shown(share_of(answer, answer.claim))
    if answer.none_probability is not None:
        probability += ", unknown cameras included"
    if answer.verdict == "agrees":
        statement = (
            f"The file names {name}, which is also the camera that the pixels look like most: the network gives it a "
            f"probability of {probability}."
        )
    else:
        statement = (
            f"The file names {name}, to which the network gives a probability of {probability}; the network's own "
            f"answer is {_named(answer, model)}."
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
        known = f"among the {len(answer.cameras)} cameras that the network knows"
        return f"{model.name_of(key)} (probability {_shown(share)} {known})"
    none = "none of the cameras that the network knows"
    if answer.none_probability is not None:
        none += f" (probability {_shown(answer.none_probability)})"
    return f"{none}; the nearest is {model.name_of(answer.sibling or key)}"


def _notes(answer: "Answer") -> str:
    return f"; {'; '.join(answer.notes)}" if answer.notes else ""


def _table(answer: "Answer", model: "Model") -> Table:
    rows = [(model.name_of(key), _shown(share)) for key, share in answer.cameras[:_SHOWN]]
    if answer.none_probability is not None:
        rows.append(("none of these, if unknown cameras are as common as known ones", _shown(answer.none_probability)))
    rows += [(f"of the photographs that get this answer, those by {model.name_of(key)}", _shown(share))
             for key, share in answer.confused_with]  # fmt: skip
    return Table("Cameras with their calibrated probabilities", ("camera", "probability"), tuple(rows))


def _shown(share: float) -> str:
    """Return a probability as people read it: never 0 or 1, which nothing measured is."""
    return "under 0.001" if share < 0.001 else "over 0.999" if share > 0.999 else f"{share:.3f}"
