"""Planning: decides who owns which device and what each uploads, before any pixel is drawn.

Forty-eight devices (four of each simulated camera, each with its own owner) upload genuine photographs, each of a
different scene. A quarter of all uploads are spoilt, by the ways of `demo.uploads.spoiling.SPOILINGS` in turn. Half of
the owners are on each site. Equal arguments give equal plans.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from demo.simulation.cameras import CameraModel
from demo.uploads import spoiling
from demo.uploads.spoiling import SPOILINGS, Spoiling
from demo.uploads.upload import Upload

DEVICES_PER_CAMERA = 4
SPOILT_PER_GENUINE = 1 / 3
SITES = ("flickr", "wikimedia")
LICENCES = ("4", "5", "9", "10")
"""Flickr's ids of CC BY 2.0, CC BY-SA 2.0, CC0 and the public domain mark."""

_GENUINE = Spoiling("genuine", spoiling.genuine, ())
_FIRST_DAY = datetime(2019, 3, 1, tzinfo=UTC)
_DAYS = 200
_FIRST_ID = {"flickr": 47_100_000_000, "wikimedia": 77_200_000}
_GIVEN_NAMES = ("Ada", "Bo", "Chloé", "Dmitri", "Esra", "Fumi", "Goran", "Hana", "Ines", "Jörg", "Kofi", "Lena", "Mei")
_FAMILY_NAMES = ("Abbott", "Brandt", "Costa", "Duarte", "Eklund", "Farrow", "Goto", "Holm", "Ivers", "Jansen", "Kaya")
_PLACES = ("Harbour", "Market", "Old mill", "Station", "Garden", "Bridge", "Kiosk", "Quay", "Courtyard", "Workshop")
_TIMES = ("at dawn", "in the rain", "at noon", "before the fair", "in June", "after closing time", "from the tower")


@dataclass(frozen=True)
class Device:
    """One physical camera and the one person who uses it."""

    name: str
    camera: CameraModel
    number: int
    site: str
    owner_id: str
    owner_name: str

    @property
    def serial_number(self) -> str | None:
        """The serial number in the device's EXIF; None where the model writes none."""
        prefix = self.camera.serial_prefix
        return None if prefix is None else f"{prefix}{4_120_417 + self.number * 7_919}"


@dataclass(frozen=True)
class Plan:
    """One file to make: its row without what only the bytes tell, and how to make the bytes."""

    upload: Upload
    device: Device
    spoiling: Spoiling
    scene_seed: int
    copy_of: str | None = None
    """The file whose bytes it copies, if any."""


def devices_of(models: Sequence[CameraModel]) -> list[Device]:
    """Return the devices of all models, each with its owner; consecutive ones are on different sites."""
    devices = []
    for place, camera in enumerate(models):
        for unit in range(DEVICES_PER_CAMERA):
            number = place * DEVICES_PER_CAMERA + unit
            site = SITES[unit % len(SITES)]
            owner_id, owner_name = _person(number, site)
            devices.append(Device(f"{camera.key}-{unit + 1}", camera, number, site, owner_id, owner_name))
    return devices


def plan_uploads(photos_per_device: int, seed: int, models: Sequence[CameraModel]) -> list[Plan]:
    """Return the plans of all uploads: the genuine ones of every device, then the spoilt ones.

    `photos_per_device` counts the genuine ones.
    """
    devices = devices_of(models)
    genuine_count = len(devices) * photos_per_device
    genuine = [_plan(n, devices[n // photos_per_device], _GENUINE, seed, models) for n in range(genuine_count)]
    copied = iter(np.random.default_rng((seed, genuine_count)).permutation(genuine_count))
    spoilt = []
    for turn in range(round(genuine_count * SPOILT_PER_GENUINE)):
        kind, number = SPOILINGS[turn % len(SPOILINGS)], genuine_count + turn
        if kind.apply is None:
            spoilt.append(_copy(number, genuine[int(next(copied))], kind, seed, models))
        else:
            spoilt.append(_plan(number, devices[turn * 7 % len(devices)], kind, seed, models))
    return genuine + spoilt


def _plan(number: int, device: Device, kind: Spoiling, seed: int, models: Sequence[CameraModel]) -> Plan:
    rng = np.random.default_rng((seed, number))
    # taken by day, uploaded within twenty days
    taken = _FIRST_DAY + timedelta(days=int(rng.integers(_DAYS)), seconds=int(rng.integers(6 * 3600, 20 * 3600)))
    uploaded = taken + timedelta(seconds=int(rng.integers(3600, 20 * 86400)))
    # the owner lists under some camera even what no camera of the catalogue took
    claimed = device.camera if kind.has_camera else models[int(rng.integers(len(models)))]
    site_id = _id(number, device.site, rng)
    upload = Upload(
        id=site_id, site=device.site, file=f"{device.site}-{site_id}.jpg",
        title=f"{rng.choice(_PLACES)} {rng.choice(_TIMES)} {number:04}", owner_id=device.owner_id,
        owner_name=device.owner_name, licence=str(rng.choice(LICENCES)), uploaded_at_s=int(uploaded.timestamp()),
        taken_at=f"{taken:%Y-%m-%d %H:%M:%S}", claimed_camera=claimed.key, kind=kind.kind,
        camera=device.camera.key if kind.has_camera else None, device=device.name if kind.has_camera else None,
        expected_reasons=kind.expected_reasons, width_px=0, height_px=0, size_bytes=0, sha1="",
    )  # fmt: skip
    return Plan(upload, device, kind, scene_seed=seed * 10**6 + number)


def _copy(number: int, source: Plan, kind: Spoiling, seed: int, models: Sequence[CameraModel]) -> Plan:
    """Plan a later upload of the same bytes: by another owner, under another camera, or on the other site."""
    rng = np.random.default_rng((seed, number))
    row = source.upload
    site, claimed, number_of_owner = row.site, row.claimed_camera, 100 + number % 6
    if kind.kind == "duplicate_other_site":
        site, number_of_owner = SITES[1 - SITES.index(row.site)], 200 + number
    if kind.kind == "duplicate_other_camera":
        claimed = str(rng.choice([model.key for model in models if model.key != row.claimed_camera]))
    owner_id, owner_name = _person(number_of_owner, site)
    site_id = _id(number, site, rng)
    upload = replace(
        row, id=site_id, site=site, file=f"{site}-{site_id}.jpg", title=f"{row.title[:-5]} {number:04}",
        owner_id=owner_id, owner_name=owner_name, claimed_camera=claimed, kind=kind.kind,
        uploaded_at_s=row.uploaded_at_s + int(rng.integers(86400, 20 * 86400)), expected_reasons=kind.expected_reasons,
    )  # fmt: skip
    return Plan(upload, source.device, kind, source.scene_seed, copy_of=row.file)


def _id(number: int, site: str, rng: np.random.Generator) -> str:
    return str(_FIRST_ID[site] + number * 17 + int(rng.integers(17)))


def _person(number: int, site: str) -> tuple[str, str]:
    """Return the id and the name of a member of a site; names repeat, ids do not."""
    name = f"{_GIVEN_NAMES[number % len(_GIVEN_NAMES)]} {_FAMILY_NAMES[number // 3 % len(_FAMILY_NAMES)]}"
    return (f"{66_180_000 + number * 37}@N0{number % 8}", name) if site == "flickr" else (f"{name} {number}", name)
