"""Fixtures of the photo site's tests: a small folder of uploads, its cameras, and sites that serve it."""

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image, TiffImagePlugin

from corpus.cameras.catalogue import Camera, Catalogue
from demo.photo_site.server.site import API_KEY, PhotoSite
from demo.uploads.upload import Upload, write_listing

FIRST_S = 1_600_000_000
STEP_S = 1000
CAMERAS = Catalogue(
    cameras=(
        Camera(
            key="ash-one",
            name="Ash One",
            make=("Ash",),
            model=("One",),
            sizes=("64x48",),
            flickr="ash/one",
            commons="Taken with Ash One",
            wikidata="Q11",
        ),
        Camera(
            key="birch-two",
            name="Birch Two",
            make=("Birch",),
            model=("Two",),
            sizes=("64x48",),
            flickr="birch/two",
            commons="Taken with Birch Two",
        ),
    )
)


def _jpeg(seed: int, make: str, model: str, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F], exif[0x0110], exif[0x0131] = make, model, "1.0"
    exif.get_ifd(0x8769)[0x829A] = TiffImagePlugin.IFDRational(1, 125)
    target = io.BytesIO()
    picture = Image.effect_noise((64, 48), 40 + seed).convert("RGB")
    picture.save(target, "JPEG", quality=96, exif=exif)
    return target.getvalue()


def _upload(folder: Path, number: int, site: str, camera: str, licence: str, content: bytes) -> Upload:
    name = f"{site}-{number}.jpg"
    (folder / name).write_bytes(content)
    return Upload(
        id=str(number),
        site=site,
        file=name,
        title=f"harbour <at> dusk & {number}",
        owner_id=f"{number % 3}@N01",
        owner_name=f"Ann & Co {number % 3}",
        licence=licence,
        uploaded_at_s=FIRST_S + STEP_S * (number % 100),
        taken_at=f"2020-01-{28 - number % 28:02d} 10:00:00",
        claimed_camera=camera,
        kind="genuine",
        camera=camera,
        device=None,
        expected_reasons=(),
        width_px=1,  # the site looks for itself
        height_px=1,
        size_bytes=len(content),
        sha1=hashlib.sha1(content, usedforsecurity=False).hexdigest(),
    )


@pytest.fixture(scope="session")
def small_uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 22 uploads, to be read only.

    Flickr: 10 of ash-one (ids 100 to 109, licences 4 and 0 in turn), 2 of birch-two (110, 111). Wikimedia: 9 of
    ash-one (200 to 208), 1 of birch-two (209, a PNG whatever its name). Uploaded 1,000 s apart, by id.
    """
    folder = tmp_path_factory.mktemp("small_uploads")
    ash, birch = ("ash-one", "Ash", "One"), ("birch-two", "Birch", "Two")
    uploads = []
    for number in range(100, 112):
        camera, make, model = ash if number < 110 else birch
        licence = "4" if number % 2 == 0 else "0"
        uploads.append(_upload(folder, number, "flickr", camera, licence, _jpeg(number, make, model)))
    for number in range(200, 209):
        uploads.append(_upload(folder, number, "wikimedia", ash[0], "12", _jpeg(number, ash[1], ash[2])))
    png = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(png, "PNG")
    uploads.append(_upload(folder, 209, "wikimedia", birch[0], "0", png.getvalue()))
    write_listing(folder, uploads, {})
    return folder


@pytest.fixture
def turned_uploads(tmp_path: Path) -> Path:
    """Return a folder of one upload to the wiki, id 300: 64 x 48 pixels that EXIF says are to be shown upright."""
    content = _jpeg(300, "Ash", "One", orientation=6)
    write_listing(tmp_path, [_upload(tmp_path, 300, "wikimedia", "ash-one", "12", content)], {})
    return tmp_path


@pytest.fixture
def changing_uploads(tmp_path: Path) -> Path:
    """Return a folder of uploads to write in: 100 and 101 on Flickr, 200 and 201 on the wiki, and `other.jpg`."""
    uploads = [
        _upload(tmp_path, number, site, "ash-one", "4", _jpeg(number, "Ash", "One"))
        for site, first in (("flickr", 100), ("wikimedia", 200))
        for number in (first, first + 1)
    ]
    (tmp_path / "other.jpg").write_bytes(_jpeg(7, "Birch", "Two"))
    write_listing(tmp_path, uploads, {})
    return tmp_path


@pytest.fixture
def open_site(small_uploads: Path) -> Iterator[Callable[..., PhotoSite]]:
    """Return a function that starts a site over a folder, the small uploads' or another; all stop at the end."""
    sites: list[PhotoSite] = []

    def start(folder: Path = small_uploads, **behaviour: object) -> PhotoSite:
        sites.append(PhotoSite(folder, CAMERAS, **behaviour))
        return sites[-1]

    yield start
    for site in sites:
        site.stop()


@pytest.fixture
def client() -> Iterator[requests.Session]:
    """Return a client that says whose it is."""
    with requests.Session() as session:
        session.headers["User-Agent"] = "test/1.0 (tests@example.org)"
        session.trust_env = False
        yield session


@pytest.fixture
def flickr(open_site: Callable[..., PhotoSite], client: requests.Session) -> Callable[..., dict]:
    """Return a function that calls the Flickr API of a site, by default of a well one."""

    def call(site: PhotoSite | None = None, **parameters: object) -> dict:
        query = {
            "method": "flickr.photos.search",
            "api_key": API_KEY,
            "format": "json",
            "nojsoncallback": "1",
            **parameters,
        }
        answer = client.get((site or open_site()).flickr_api_url, params=query, timeout=10)
        assert answer.status_code == 200
        return answer.json()

    return call


@pytest.fixture
def wiki(open_site: Callable[..., PhotoSite], client: requests.Session) -> Callable[..., dict]:
    """Return a function that asks the MediaWiki API of a site, by default of a well one."""

    def ask(site: PhotoSite | None = None, **parameters: object) -> dict:
        query = {"action": "query", "format": "json", "formatversion": "2", **parameters}
        answer = client.get((site or open_site()).wikimedia_api_url, params=query, timeout=10)
        assert answer.status_code == 200
        return answer.json()

    return ask
