"""Prediction: photographs in, for each the likeliest cameras and what its EXIF claims out.

`python -m train.predict RUN PHOTO…`. A photograph that cannot be judged (no JPEG, damaged, too small, beyond
200 megapixels) gets a row with its reason, and the exit code is 1.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from corpus.catalogue import Catalogue
from corpus.command_line import command_parser, configuration_of, exit_with
from forensics.errors import JpegError
from forensics.header import read_facts
from forensics.jpeg.frame import DECODED_MAX_PX
from forensics.photo_facts import PhotoFacts
from train.data.crops import decode, fixed_crops, to_tensor
from train.evaluation.probabilities import geometric_mean, network_logits
from train.fit.runs import Run, RunConfig, find_run
from train.model.checkpoints import load_weights
from train.model.network import CameraNetwork, build_network

_SHOWN = 3
_DESCRIPTION = """Name the cameras that took photographs, from their pixels alone; compare with what their EXIF claims.

Exit codes: 0 all photographs were judged (whatever came out), 1 some could not be, 2 nothing could be done."""


@dataclass(frozen=True)
class Answer:
    """What is said of one photograph; an `error` stands alone."""

    file: str
    error: str | None = None
    cameras: tuple[tuple[str, float], ...] = ()
    """All cameras of the network with their probabilities, the likeliest first; keys of the catalogue."""
    make: str | None = None
    model: str | None = None
    claim: str | None = None
    """Catalogue key of the camera that EXIF Make and Model name; None where they name none."""
    verdict: str | None = None
    """`agrees`, `contradicts`, `no claim`, or `not a camera this network knows`."""


@dataclass(frozen=True)
class Predictor:
    """A finished run's network, ready for photographs."""

    network: CameraNetwork
    config: RunConfig
    catalogue: Catalogue
    device: torch.device

    def answer(self, file: Path) -> Answer:
        """Return what the network and the EXIF say of a file; whatever is wrong with it becomes the answer's error."""
        try:
            data = file.read_bytes()
            facts = read_facts(data, whole=True)
            if facts.width_px * facts.height_px > DECODED_MAX_PX:
                raise ValueError(
                    f"{facts.width_px}×{facts.height_px} is beyond {DECODED_MAX_PX // 1_000_000} megapixels"
                )
            cameras = self._cameras(data)
        except OSError as error:
            return Answer(str(file), error=f"cannot be read: {error.strerror or error}")
        except JpegError as error:
            return Answer(str(file), error=f"is not a readable JPEG: {error}")
        except ValueError as error:
            return Answer(str(file), error=str(error))
        claim, verdict = self._verdict(facts, cameras[0][0])
        return Answer(str(file), None, cameras, facts.make, facts.model, claim, verdict)

    def name_of(self, key: str) -> str:
        """Return a camera's name as people write it; its key where the catalogue has it no more."""
        return self.catalogue[key].name if key in self.catalogue else key

    def _cameras(self, data: bytes) -> tuple[tuple[str, float], ...]:
        settings = self.config.train
        try:
            picture = decode(data)
        except ValueError as error:
            raise ValueError(f"does not decode: {error}") from error
        crops = to_tensor(fixed_crops(picture, settings.crop_px, settings.test_crops))
        probabilities = geometric_mean(network_logits(self.network, self.device, crops, settings.batch))
        pairs = zip(self.config.classes, probabilities.tolist(), strict=True)
        return tuple(sorted(pairs, key=lambda pair: -pair[1]))

    def _verdict(self, facts: PhotoFacts, likeliest: str) -> tuple[str | None, str]:
        camera = self.catalogue.identify(facts.make, facts.model)
        if not facts.make and not facts.model:
            return None, "no claim"
        if camera is None or camera.key not in self.config.classes:
            return camera.key if camera else None, "not a camera this network knows"
        return camera.key, "agrees" if camera.key == likeliest else "contradicts"


def load_predictor(run: Run, catalogue: Catalogue) -> Predictor:
    """Return the predictor of a finished run; raises StorageError where its files are missing or do not fit."""
    config = run.config()
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    settings = config.train.model_copy(update={"pretrained": False})  # all weights are the run's own
    network = build_network(settings, len(config.classes))
    weights = f"{run.directory}/weights.safetensors"
    load_weights(network, run.store.read(weights), f"{run.store.url}: {weights}")
    return Predictor(network.to(device).eval(), config, catalogue, device)


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m train.predict", _DESCRIPTION)
    parser.add_argument("run", metavar="RUN", help="a run's name, the path of its folder, or `latest`")
    parser.add_argument(
        "photos", metavar="PHOTO", nargs="+", type=Path, help="JPEG files, best as the camera wrote them"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON list instead of a table")
    arguments = parser.parse_args()
    configuration = configuration_of(arguments)
    run = find_run(configuration.store, arguments.run)
    predictor = load_predictor(run, configuration.whole_catalogue)
    answers = [predictor.answer(file) for file in arguments.photos]
    if arguments.json:
        print(json.dumps([asdict(answer) for answer in answers], indent=1, ensure_ascii=False))
    else:
        print("\n".join(_lines(answers, predictor)))
    return 1 if any(answer.error for answer in answers) else 0


def _lines(answers: Sequence[Answer], predictor: Predictor) -> list[str]:
    rows = [("photograph", "likeliest cameras", "its EXIF says", "")]
    rows += [_row(answer, predictor) for answer in answers if not answer.error]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    widths[0] = max([widths[0], *(len(Path(answer.file).name) for answer in answers)])
    by_file = dict(zip([answer.file for answer in answers if not answer.error], rows[1:], strict=True))
    lines = [_aligned(rows[0], widths)]
    for answer in answers:
        if answer.error:
            lines.append(f"{Path(answer.file).name:<{widths[0]}}  could not be judged: {answer.error}")
        else:
            lines.append(_aligned(by_file[answer.file], widths))
    return lines


def _row(answer: Answer, predictor: Predictor) -> tuple[str, str, str, str]:
    likeliest = ", ".join(f"{predictor.name_of(key)} {share:.2f}" for key, share in answer.cameras[:_SHOWN])
    told = " ".join(word for word in (answer.make, answer.model) if word)
    claim = predictor.name_of(answer.claim) if answer.claim else told
    return Path(answer.file).name, likeliest, claim or "nothing", answer.verdict or ""


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


if __name__ == "__main__":
    exit_with(main)
