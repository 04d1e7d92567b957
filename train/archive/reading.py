"""Reading: takes the parts of a model out of a file handed on, which a stranger may have made.

The file is a zip archive whose members are stored as they are, so that nothing grows when it is read. Before any member
is read, the number of members, their names and their sizes are checked. Weights and arrays are safetensors, all else is
JSON or text: nothing in it is ever run.
"""

import hashlib
import json
import re
import stat
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

from corpus.cameras.catalogue import Camera
from corpus.errors import StorageError
from corpus.sections import Training
from train.archive.parts import Parts
from train.archive.stated import check_stated
from train.open_set.files import KEY, is_shown
from train.runs.run import CARRIED_OUT_BY, RunConfig

FORMAT = 1
"""Format of the file; raise it when its members change their meaning."""
MODEL, WEIGHTS, CARD, PROTOTYPES = "model.json", "weights.safetensors", "README.md", "prototypes.safetensors"
_ENROLLED = re.compile(f"enrolled/{KEY}" r"\.safetensors")
_MIB = 1 << 20
SIZE_MAX_BYTES = {MODEL: 16 * _MIB, CARD: _MIB, WEIGHTS: 2048 * _MIB, PROTOTYPES: 512 * _MIB}
"""Most bytes of each member."""
ENROLLED_MAX, ENROLLED_MAX_BYTES = 256, 32 * _MIB
ARCHIVE_MAX_BYTES = 3072 * _MIB
_END_BYTES, _LOCATOR_BYTES, _ENTRY_MAX_BYTES = 22, 20, 512
CLASSES_MAX = 20_000
_OF_A_MACHINE = CARRIED_OUT_BY | {"weights"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def read_archive(path: Path, where: str) -> Parts:
    """Return the parts of a model in a file; `where`: what messages call it.

    Raises StorageError for a file that is missing, no model, of another format, damaged or beyond the limits above.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would keep the command waiting
            raise StorageError(f"{where}: is no regular file")
        with path.open("rb") as file:
            members = _members(file, where)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise StorageError(f"{where}: is no model to read: {error}") from error
    try:
        told = json.loads(members[MODEL])
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{where}: {MODEL} is not JSON: {error}") from error
    return _parts(told, members, where)


def _members(file: BinaryIO, where: str) -> dict[str, bytes]:
    """Return the members of an archive by name, all limits checked before the first one is read."""
    size_bytes = _check_directory(file, where)
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        names = [info.filename for info in infos]
        for info in infos:
            most = ENROLLED_MAX_BYTES if _ENROLLED.fullmatch(info.filename) else SIZE_MAX_BYTES.get(info.filename)
            if most is None:
                raise StorageError(f"{where}: has the member {info.filename[:100]!r}, which no model has")
            is_stored = info.compress_type == zipfile.ZIP_STORED and info.file_size == info.compress_size
            if not is_stored or info.flag_bits & 1:
                raise StorageError(f"{where}: {info.filename} is compressed or encrypted; a model is stored as it is")
            if info.file_size > most:
                raise StorageError(f"{where}: {info.filename} has {info.file_size} bytes; at most {most} are read")
        if len(set(names)) < len(names):
            raise StorageError(f"{where}: has two members of one name")
        if sum(info.file_size for info in infos) > size_bytes:
            raise StorageError(f"{where}: its members are larger than the file itself")
        for name in (MODEL, WEIGHTS):
            if name not in names:
                raise StorageError(f"{where}: lacks {name}; it is no model of Shutterprint, or only a part of one")
        return {name: archive.read(name) for name in names}


def _check_directory(file: BinaryIO, where: str) -> int:
    """Return the file's size, after a look at the archive's last bytes: how long its directory is, and where.

    The library would otherwise read a directory of any length. It would believe a second, larger record (ZIP64) before
    the one at the end, or a directory elsewhere, so neither may be there.
    """
    size_bytes = file.seek(0, 2)
    if size_bytes > ARCHIVE_MAX_BYTES:
        raise StorageError(f"{where}: has {size_bytes} bytes; at most {ARCHIVE_MAX_BYTES} are read")
    file.seek(max(0, size_bytes - _END_BYTES - _LOCATOR_BYTES))
    last = file.read(_LOCATOR_BYTES + _END_BYTES)
    before, end = last[:-_END_BYTES], last[-_END_BYTES:]
    if not end.startswith(b"PK\5\6") or len(end) < _END_BYTES or end[20:] != b"\0\0":
        raise StorageError(f"{where}: is no model to read: it does not end as an archive does; get the file again")
    members, directory_bytes = int.from_bytes(end[10:12], "little"), int.from_bytes(end[12:16], "little")
    most = len(SIZE_MAX_BYTES) + ENROLLED_MAX
    if members > most or directory_bytes > most * _ENTRY_MAX_BYTES:
        raise StorageError(f"{where}: has {members} members; a model has at most {most}")
    is_at_end = int.from_bytes(end[16:20], "little") + directory_bytes + _END_BYTES == size_bytes
    if before.startswith(b"PK\6\7") or not is_at_end:
        raise StorageError(f"{where}: is no model to read: its directory is not right before its end; export it anew")
    return size_bytes


def _parts(told: Any, members: dict[str, bytes], where: str) -> Parts:
    if not isinstance(told, dict) or told.get("kind") != "shutterprint model":
        raise StorageError(f"{where}: {MODEL} does not say that it is a model of Shutterprint")
    if told.get("format") != FORMAT:
        raise StorageError(f"{where}: has format {told.get('format')!r}, this version reads {FORMAT}; export it anew")
    digests = told.get("sha256")
    for name in sorted(set(members) - {MODEL, CARD}):
        found = hashlib.sha256(members[name]).hexdigest()
        if not isinstance(digests, dict) or digests.get(name) != found:
            raise StorageError(f"{where}: {name} is not what {MODEL} says, it is damaged; get the file again")
    if isinstance(digests, dict) and (missing := sorted(set(digests) - set(members))):
        raise StorageError(f"{where}: lacks {missing[0]!r}; get the file again")
    try:
        config = _config(told)
        cameras = shown(tuple(Camera.model_validate(entry) for entry in _listed(told["catalogue"])))
        calibration, evaluation, open_set = (told[name] for name in ("calibration", "evaluation", "open_set"))
    except (KeyError, TypeError, ValueError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else repr(error)
        raise StorageError(f"{where}: {MODEL} is not one that this version reads: {reason}") from error
    if not isinstance(calibration, dict) or not isinstance(evaluation, dict) or not isinstance(open_set, dict | None):
        raise StorageError(f"{where}: {MODEL} has a section that is no mapping")
    check_stated(evaluation, where)
    enrolled = tuple(members[name] for name in sorted(members) if name.startswith("enrolled/"))
    return Parts(
        where, told["run"], config, members[WEIGHTS], cameras, calibration, open_set, members.get(PROTOTYPES), enrolled,
        evaluation,
    )  # fmt: skip


def _config(told: dict[str, Any]) -> RunConfig:
    classes = tuple(_listed(told["classes"]))
    keys = [each for each in classes if isinstance(each, str) and re.fullmatch(KEY, each)]
    if len(keys) < len(classes) or len(set(keys)) < len(keys) or not 2 <= len(keys) <= CLASSES_MAX:
        raise ValueError("classes are not two or more keys of cameras, each once")
    if not (_NAME.fullmatch(told["run"]) and _NAME.fullmatch(told["generation"])):
        raise ValueError("run or generation is no plain name")
    return RunConfig(told["generation"], classes, of_no_machine(Training.model_validate(told["train"])))


def shown(cameras: tuple[Camera, ...]) -> tuple[Camera, ...]:
    """Return the cameras; raises ValueError where a name or a maker has characters that are not seen."""
    for camera in cameras:
        if not all(map(is_shown, (camera.name, *camera.make))):
            raise ValueError(f"name or make of camera {camera.key} is too long, or has characters that are not seen")
    return cameras


def of_no_machine(train: Training) -> Training:
    """Return a training's settings without those of the machine it ran on: its folders and its processes.

    So a file neither tells them nor decides, where it is read, which folder is a cache or how much a machine does.
    """
    return train.model_copy(update={key: Training.model_fields[key].default for key in _OF_A_MACHINE})


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} where a list must be")
    return value
