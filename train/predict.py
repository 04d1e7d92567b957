"""Prediction: names the likeliest cameras of photographs and compares them with what their EXIF claims.

`python -m train.predict RUN PHOTO…`. A photograph that cannot be judged (not a JPEG, damaged, too small, above
200 megapixels) gets a row with the reason, and the exit code is 1.
"""

import json
import os
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from corpus.catalogue import Catalogue
from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.text import escaped
from forensics.errors import JpegError
from forensics.header import read_facts
from forensics.jpeg.frame import DECODED_MAX_PX
from forensics.photo_facts import PhotoFacts
from train.data.answers import geometric_mean, network_logits
from train.data.crops import decode, fixed_crops, to_tensor
from train.fit.runs import Run, RunConfig, find_run, load_network
from train.model.network import CameraNetwork

_SHOWN = 3
_DESCRIPTION = """Name the cameras that took photographs from their pixels alone, and compare with their EXIF.

Exit codes: 0 every photograph was judged (whatever the answer), 1 some could not be judged, 2 nothing could be done."""


@dataclass(frozen=True)
class Answer:
    """The answer for one photograph: an error, or everything else."""

    file: str
    error: str | None = None
    cameras: tuple[tuple[str, float], ...] = ()
    """Catalogue keys of all the network's cameras with their probabilities, the likeliest first."""
    make: str | None = None
    model: str | None = None
    claim: str | None = None
    """Catalogue key of the camera that EXIF Make and Model name; None where the catalogue has no such camera."""
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
        """Return what the network and the EXIF say of a file; any fault of the file becomes the answer's error."""
        try:
            data = _read(file)
            facts = read_facts(data, whole=True)
            if facts.width_px * facts.height_px > DECODED_MAX_PX:
                raise ValueError(
                    f"{facts.width_px}×{facts.height_px} is beyond {DECODED_MAX_PX // 1_000_000} megapixels"
                )
            cameras = self._cameras(data)
        except OSError as error:
            return Answer(str(file), error=f"cannot be read: {error.strerror or error}")
        except MemoryError:
            return Answer(str(file), error="needs more memory than this machine can give")
        except JpegError as error:
            return Answer(str(file), error=f"is not a readable JPEG: {error}")
        except ValueError as error:
            return Answer(str(file), error=str(error))
        claim, verdict = self._verdict(facts, cameras[0][0])
        return Answer(str(file), None, cameras, facts.make, facts.model, claim, verdict)

    def name_of(self, key: str) -> str:
        """Return a camera's name as people write it, or its key where the catalogue no longer has it."""
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
    network, device = load_network(run)
    return Predictor(network, run.config(), catalogue, device)


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m train.predict", _DESCRIPTION)
    parser.add_argument("run", metavar="RUN", help="a run's name, the path of its folder, or `latest`")
    parser.add_argument(
        "photos", metavar="PHOTO", nargs="+", type=Path, help="JPEG files, preferably as the camera wrote them"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON list instead of a table")
    arguments = parser.parse_args()
    configuration = configuration_of(arguments)
    run = find_run(configuration.store, arguments.run)
    predictor = load_predictor(run, configuration.whole_catalogue)
    answers = [predictor.answer(file) for file in arguments.photos]
    if arguments.json:
        print(json.dumps([asdict(answer) for answer in answers], indent=1))
    else:
        print("\n".join(_lines(answers, predictor)))
    return 1 if any(answer.error for answer in answers) else 0


def _lines(answers: Sequence[Answer], predictor: Predictor) -> list[str]:
    rows = [("photograph", "likeliest cameras", "its EXIF says", ""), *(_row(each, predictor) for each in answers)]
    # an error runs on behind its photograph's name, so it widens no column
    judged = [row if row[2] else (row[0], "", "", "") for row in rows]
    widths = [max(map(len, column)) for column in zip(*judged, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _read(file: Path) -> bytes:
    """Return the bytes of a regular file; raises OSError where it cannot be read, ValueError for what is no file."""
    # a pipe would else keep the command waiting for somebody to write into it
    with open(file, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise ValueError("is a pipe, a socket or a device, not a file")
        return opened.read()


def _row(answer: Answer, predictor: Predictor) -> tuple[str, str, str, str]:
    name = Path(answer.file).name
    if answer.error:
        return escaped(name), escaped(f"could not be judged: {answer.error}"), "", ""
    likeliest = ", ".join(f"{predictor.name_of(key)} {share:.2f}" for key, share in answer.cameras[:_SHOWN])
    stated = " ".join(word for word in (answer.make, answer.model) if word)
    claim = predictor.name_of(answer.claim) if answer.claim else stated
    return escaped(name), likeliest, escaped(claim or "nothing"), answer.verdict or ""


if __name__ == "__main__":
    exit_with(main)
