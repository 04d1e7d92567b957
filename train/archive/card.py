"""Card: what a person must know of a model before relying on it, as Markdown; its numbers are those of the evaluation.

Made as Mitchell et al. propose (Model cards for model reporting, FAT* 2019).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from corpus.text import escaped
from train.archive.parts import Parts

_PROTOCOL = """Each photograph is judged as in the IEEE Signal Processing Cup 2018: its central 512 px square, unaltered
and after each of eight manipulations (JPEG quality 70 and 90, resizing by 0.5, 0.8, 1.5 and 2.0, gamma 0.8 and 1.2).
The score is 0.7 × accuracy unaltered + 0.3 × mean accuracy manipulated. Crops begin on the 8×8 grid of the camera's
JPEG, which is known of a whole photograph; "off the grid" says what is left where it is not. Intervals are of 95 % and
take devices, not photographs, as independent."""
_SPLITS = {
    "test": "No photograph, and where devices are known no device, is both in training and in the figures below.",
    "validation": "The figures below are of validation photographs, by which the epoch was chosen: they are a little "
    "too good.",
    "train": "The figures below are of the photographs that the network was trained on: they say nothing of new ones.",
}

_LIMITS = (
    "An answer is evidence, not proof: it says which of these cameras fits best.",
    "The figures hold for photographs like those of this generation: straight from the camera, or manipulated once as "
    "described. Messengers, several compressions, crops below the network's size and screenshots were not measured.",
    "Cameras of one maker with the same sensor and software may be confused; the tables below say how often where it "
    "was measured.",
    "A forger who knows the network can make a photograph look like another camera's.",
)


def model_card(parts: Parts) -> str:
    """Return the card of a model."""
    config, evaluation = parts.config, parts.evaluation
    names = {camera.key: camera.name for camera in parts.cameras}
    sections = [
        f"# Shutterprint model {parts.name}\n\nNames which of {len(config.classes)} cameras took a photograph, from "
        f"its pixels alone. Network `{config.train.network}`, front `{config.train.front}`, crops of "
        f"{config.train.crop_px} px. Trained on generation `{config.generation}`.",
        _section("Use", _use()),
        _section("Protocol", _protocol(evaluation)),
        _section("Figures", _figures(evaluation)),
        _section("Cameras", _cameras(config.classes, names, evaluation)),
        _section("Unknown cameras", _unknown(evaluation.get("open_set"))),
        _section("Limits", ["\n".join(f"- {text}" for text in [*_LIMITS, *_answers(parts), *_notes(evaluation)])]),
    ]
    if parts.enrolled:
        sections.insert(
            5, _section("Enrolled", [f"{len(parts.enrolled)} cameras were added without training; see `enrolled/`."])
        )
    return escaped("\n\n".join(sections), keep="\n") + "\n"


def _protocol(evaluation: Mapping[str, Any]) -> list[str]:
    if evaluation.get("weighted_accuracy") is None:
        return []
    return [text for text in (_SPLITS.get(evaluation.get("split") or ""), _PROTOCOL) if text]


def _answers(parts: Parts) -> list[str]:
    """Return what holds of this model's "none of these" and of its probabilities."""
    told, open_set = [], parts.evaluation.get("open_set") or {}
    if parts.open_set is not None and open_set.get("false_refusals_wanted"):
        told.append(
            f'"None of these" is told from a threshold that refused {open_set["false_refusals_wanted"]:.0%} of the '
            "known cameras' validation photographs."
        )
    if parts.calibration.get("photos"):
        told.append("Probabilities are calibrated on validation photographs, and as good as new ones are like these.")
    else:
        told.append("Probabilities are as the network gives them: no photographs to calibrate them on are told of.")
    if parts.enrolled:
        told.append("How probabilities and refusals change with the enrolled cameras was not measured.")
    return told


def _use() -> list[str]:
    return [
        "```bash\nshutterprint predict model.zip PHOTO.jpg\n"
        "shutterprint predict 'https://HOST/model.zip#sha256=…' PHOTO.jpg\n"
        "shutterprint enrol CAMERA PHOTOS --run model.zip --out new.zip\n```",
        "Weights are safetensors, all else is JSON; nothing in the file is run when it is read.",
    ]


def _figures(evaluation: Mapping[str, Any]) -> list[str]:
    if evaluation.get("weighted_accuracy") is None:
        return ["This run has no evaluation."]
    rows = [
        ("weighted", share(evaluation["weighted_accuracy"]), interval(evaluation.get("weighted_interval"))),
        ("unaltered", share(evaluation.get("unaltered")), interval(evaluation.get("unaltered_interval"))),
        ("manipulated", share(evaluation.get("manipulated")), interval(evaluation.get("manipulated_interval"))),
        *(
            (f"{name}, off the grid", share(each["value"]), interval(each.get("interval")))
            for name, each in evaluation.get("off_grid", {}).items()
        ),
        ("always the commonest camera", share(evaluation.get("chance")), ""),
    ]
    error = ((evaluation.get("calibration") or {}).get("error") or {}).get("calibrated")
    if error is not None:
        rows.append(("expected calibration error", share(error["value"]), interval(error.get("interval"))))
    intervals = evaluation.get("accuracy_intervals", {})
    conditions = [
        (name, share(value), interval(intervals.get(name))) for name, value in evaluation.get("accuracy", {}).items()
    ]
    counts = [f"{evaluation.get(key, '-')} {name}" for key, name in (("photos", "photographs"), ("devices", "devices"))]
    return [
        f"{' by '.join(counts)}, split {evaluation.get('split', '-')}.",
        _table(("accuracy", "share right", "95 % interval"), [*rows, *conditions]),
    ]


def _cameras(classes: Sequence[str], names: Mapping[str, str], evaluation: Mapping[str, Any]) -> list[str]:
    measured = {row["camera"]: row for row in evaluation.get("cameras", ())}
    rows = []
    for key in classes:
        row = measured.get(key, {})
        told = (str(row.get("photos", "-")), str(row.get("devices", "-")), share(row.get("recall")),
                interval(row.get("recall_interval")))  # fmt: skip
        rows.append((key, names.get(key, "-"), *told, share(row.get("precision"))))
    return [_table(("camera", "name", "test photographs", "devices", "recall", "95 % interval", "precision"), rows)]


def _unknown(open_set: Mapping[str, Any] | None) -> list[str]:
    if not open_set or open_set.get("score") is None:
        return ['This model cannot say "none of these".']
    told = [
        f"Score: `{open_set['score']}`, chosen on validation photographs of {open_set['basis']}; the threshold falsely "
        f"refuses {open_set['false_refusals_wanted']:.0%} of the known cameras' validation photographs."
    ]
    unknown = open_set.get("unknown")
    if unknown is None:
        told.append("No camera was held out of training, so how well unknown ones are refused was not measured.")
    else:
        figures = (("AUROC", "auroc"), ("OSCR", "oscr"), ("refused at 5 % false refusals", "refused_at_5"))
        told += [
            f"Measured on {unknown['photos']} photographs by {unknown['devices']} devices of cameras that it was not "
            f"trained on ({', '.join(row['camera'] for row in unknown['cameras'])}).",
            _table(
                ("figure", "unaltered", "95 % interval", "manipulated"),
                [
                    (name, share(unknown["unaltered"][key]["value"]), interval(unknown["unaltered"][key]["interval"]),
                     share(unknown["manipulated"][key]["value"]))
                    for name, key in figures
                ],
            ),
        ]  # fmt: skip
        if unseen := unknown.get("auroc_unseen"):
            told.append(
                "AUROC where the score is chosen without the unknown camera, as for one that nobody has seen: "
                f"{share(unseen['value'])} ({interval(unseen['interval'])})."
            )
    if rows := open_set.get("enrolment"):
        told.append(
            _table(
                ("enrolled from photographs", "of devices", "recall", "95 % interval", "known kept", "others taken"),
                [
                    (str(row["photos"]), str(row["devices"]), share(row["recall"]), interval(row["interval"]),
                     share(row["known_kept"]), share(row.get("others_taken")))
                    for row in rows
                ],
            )
        )  # fmt: skip
    return told


def _notes(evaluation: Mapping[str, Any]) -> list[str]:
    return [str(note) for note in evaluation.get("notes", ())]


def share(value: Any) -> str:
    """Return a share with three decimals, `-` for None."""
    return "-" if value is None else f"{value:.3f}"


def interval(value: Any) -> str:
    """Return an interval as low–high, `none` where there is none."""
    return "none" if value is None else f"{value[0]:.3f}–{value[1]:.3f}"


def _section(title: str, texts: Sequence[str]) -> str:
    return f"## {title}\n\n" + "\n\n".join(texts)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
