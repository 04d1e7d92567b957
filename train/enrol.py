"""Enrolment of a new camera in a finished run, from some of its photographs, without training.

`shutterprint enrol CAMERA PHOTO… --run RUN` writes the camera beside the run (`enrolled/` in its folder), where
prediction finds it; `--out new.zip` writes a model to hand on instead. Nothing that training published changes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from corpus.cameras.catalogue import Catalogue
from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.errors import ConfigurationError
from corpus.text import count, escaped
from forensics.header import read_facts
from train.archive.download import is_address
from train.archive.enrolling import PHOTOS_ADVISED, Check, check, enrolled_of
from train.archive.loading import ENROLLED, is_archive, load_parts
from train.archive.parts import Parts, model_of
from train.archive.stated import check_stated
from train.archive.writing import keys_of, write_archive
from train.model.loaded import Enrolled, Model
from train.open_set.files import enrolled_bytes
from train.prediction.finding import find_photos
from train.prediction.photographs import photograph
from train.prediction.reading import read_file
from train.runs.run import find_run

_DESCRIPTION = """Add a camera to a finished run from 10 to 50 of its photographs, without training.

Take photographs straight from the camera, of different scenes, by two devices or more where you can. The camera is
written beside the run; with --out, into a new model to hand on. Nothing that training published changes.

Exit codes: 0 enrolled, 1 enrolled, but some photographs could not be read, 2 not enrolled."""


@dataclass(frozen=True)
class _Photo:
    """A photograph to enrol from: its crops and what its EXIF says, or why it cannot be used."""

    path: str
    error: str | None = None
    crops: Tensor | None = None
    make: str | None = None
    serial: str | None = None
    """The camera's serial number, which tells devices apart and is not kept."""


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m train.enrol", _DESCRIPTION)
    parser.add_argument("camera", metavar="CAMERA", help="the camera's key, of the catalogue or a new one")
    parser.add_argument(
        "photos", metavar="PHOTO", nargs="+", help="photographs straight from the camera: files, folders, patterns"
    )
    parser.add_argument("--run", metavar="RUN", default="latest", help="a run, or a model.zip (default: latest)")
    parser.add_argument("--name", metavar="NAME", help="the camera's name as people write it")
    parser.add_argument("--out", metavar="NEW.zip", type=Path, help="write a model to hand on, with the camera in it")
    arguments = parser.parse_args()
    configuration = configuration_of(arguments)
    handed_on = is_address(arguments.run) or is_archive(arguments.run)
    if handed_on and arguments.out is None:
        raise ConfigurationError(f"--run {arguments.run}: a model handed on is not changed; name a new one with --out")
    if arguments.out is not None and arguments.out.suffix != ".zip":
        raise ConfigurationError(f"--out {arguments.out}: name a file that ends in .zip")
    if arguments.out is not None and not arguments.out.resolve().parent.is_dir():
        raise ConfigurationError(f"--out {arguments.out}: its folder does not exist")
    catalogue = configuration.whole_catalogue
    parts = load_parts(configuration.store, arguments.run, catalogue)
    check_stated(parts.evaluation, parts.where)
    model = model_of(parts)
    photos = _photos(arguments.photos, model)
    good = [photo for photo in photos if photo.crops is not None]
    camera = _camera(model, catalogue, arguments.camera, arguments.name, good)
    found = check(model, camera, [photo.crops for photo in good if photo.crops is not None])
    for photo in photos:
        if photo.error is not None:
            print(escaped(f"{photo.path}: {photo.error}"))
    if arguments.out is not None:
        sha256 = write_archive(_with(parts, camera), arguments.out)
        where = f"{arguments.out}, sha256={sha256}"
    else:
        run = find_run(configuration.store, arguments.run)
        where = f"{run.directory}/{ENROLLED}/{camera.key}.safetensors"
        run.store.publish(where, enrolled_bytes(camera))
    enrolled = f"{camera.key} ({camera.name}) is enrolled from {len(good)} photographs: {where}"
    for line in (enrolled, *_told(model, camera, found, parts)):
        print(escaped(line))
    return 1 if len(good) < len(photos) else 0


def _photos(wanted: Sequence[str], model: Model) -> list[_Photo]:
    """Return the photographs that paths, folders and patterns name; of equal files, the first alone has crops."""
    photos: list[_Photo] = []
    first_of: dict[str, str] = {}
    for found in find_photos(wanted).files:
        photo, sha256 = _Photo(found.path, found.fault), ""
        if found.fault is None:
            photo, sha256 = _photo(found.path, model)
        if photo.error is None and first_of.setdefault(sha256, found.path) != found.path:
            photo = _Photo(found.path, f"is the same file as {first_of[sha256]}")
        photos.append(photo)
    return photos


def _photo(path: str, model: Model) -> tuple[_Photo, str]:
    """Return a photograph and the SHA-256 of its file."""
    read = photograph(path, model.settings.crop_px, model.settings.test_crops)
    if read.error is not None or read.crops is None:
        return _Photo(path, read.error), ""
    try:
        data = read_file(path)
    except (OSError, ValueError) as error:
        return _Photo(path, f"cannot be read again: {error}"), ""
    serial = read_facts(data, whole=False).serial_number if read.kind == "JPEG" else None
    return _Photo(path, None, read.crops, read.make, serial), hashlib.sha256(data).hexdigest()


def _camera(model: Model, catalogue: Catalogue, key: str, name: str | None, photos: Sequence[_Photo]) -> Enrolled:
    entry = catalogue.get(key)
    makes = sorted(photo.make for photo in photos if photo.make)
    maker = entry.make[0] if entry is not None and entry.make else max(makes, key=makes.count, default=None)
    serials = sorted({photo.serial for photo in photos if photo.serial})
    # numbers, so that no serial number is kept
    devices = [f"device {serials.index(photo.serial) + 1 if photo.serial else 0}" for photo in photos]
    crops = [photo.crops for photo in photos if photo.crops is not None]
    return enrolled_of(model, key, name or (entry.name if entry is not None else key), maker, crops, devices)


def _with(parts: Parts, camera: Enrolled) -> Parts:
    """Return the parts with one camera more, in place of one of the same key."""
    keys = keys_of(parts)
    others = {key: data for key, data in zip(keys, parts.enrolled, strict=True) if key != camera.key}
    enrolled = sorted({**others, camera.key: enrolled_bytes(camera)}.items())
    return replace(parts, enrolled=tuple(data for _, data in enrolled))


def _told(model: Model, camera: Enrolled, found: Check, parts: Parts) -> list[str]:
    lines = [
        f"{found.named} of {found.tried} of its photographs are named right, each by an enrolment from the others"
        + (f"; most of the wrong answers are {model.name_of(found.nearest)}" if found.nearest is not None else "")
    ]
    if len(camera.embeddings) < PHOTOS_ADVISED:
        lines.append(f"note: {PHOTOS_ADVISED} to 50 photographs are advised")
    if len(set(camera.devices)) < 2:
        lines.append("note: all of them are by one device as far as EXIF tells; what is learned may be of the device")
    rows = (parts.evaluation.get("open_set") or {}).get("enrolment", ())
    near = [row for row in rows if row["photos"] <= len(camera.embeddings)]
    if near:
        row = max(near, key=lambda row: (row["photos"], -row["devices"]))
        lines.append(
            f"for comparison: cameras held out of this run's training and enrolled from {row['photos']} photographs by "
            f"{count(row['devices'], 'device')} were named right in {row['recall']:.0%} of the photographs by their "
            "other devices"
        )
    return lines


if __name__ == "__main__":
    exit_with(main)
