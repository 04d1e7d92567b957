"""A photo site of this machine whose photographs change from day to day: gained, lost, replaced, re-dated."""

import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.places import REPOSITORY
from demo.simulation.cameras import MODELS
from demo.uploads.make import make_uploads
from demo.uploads.upload import Upload, write_listing

DAY_S = 86400
FIRST_SHARE = 0.5
"""Share of the photographs that are on the site from the beginning."""


@dataclass
class Site:
    """A photo site of this machine whose photographs change."""

    folder: Path
    port: int
    all: list[Upload]
    chance: random.Random
    shown: list[Upload] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    process: "subprocess.Popen[str] | None" = None
    done: Counter[str] = field(default_factory=Counter)

    @property
    def waiting(self) -> list[Upload]:
        """Photographs that have not been on the site yet."""
        known = {upload.file for upload in self.shown} | self.gone
        return [upload for upload in self.all if upload.file not in known]

    def start(self) -> str:
        """Serve what is shown, and return the site's address."""
        write_listing(self.folder, self.shown, {"shown": len(self.shown)})
        words = [sys.executable, "-m", "demo.photo_site", str(self.folder), "--port", str(self.port)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        assert self.process.stdout is not None
        address = self.process.stdout.readline().split()[-1]
        self.port = int(address.rpartition(":")[2])
        return address

    def stop(self) -> None:
        """Stop serving."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def change(self, gains: int) -> None:
        """Gain, lose, replace and re-date photographs."""
        for upload in self.waiting[:gains]:
            self.shown.append(upload)
            self.done["gained"] += 1
        lost = self.chance.choice(self.shown)
        self.shown.remove(lost)
        self.gone.add(lost.file)
        self.done["lost"] += 1
        if self.waiting:  # another picture in the place of one, with its id, as its owner's upload
            place, other = self.chance.randrange(len(self.shown)), self.waiting[-1]
            before = self.shown[place]
            self.gone |= {before.file}
            self.shown[place] = replace(
                other, id=before.id, uploaded_at_s=before.uploaded_at_s, owner_id=before.owner_id,
                owner_name=before.owner_name, claimed_camera=before.claimed_camera,
            )  # fmt: skip
            self.done["replaced"] += 1
        place = self.chance.randrange(len(self.shown))
        moved_s = self.chance.randrange(-40, 40) * DAY_S
        self.shown[place] = replace(
            self.shown[place], uploaded_at_s=min(self.shown[place].uploaded_at_s + moved_s, int(time.time()) - DAY_S)
        )
        self.done["re-dated"] += 1


def make_site(folder: Path, models: int, photos: int, seed: int, chance: random.Random) -> Site:
    """Make the photographs of the first `models` cameras, `photos` by each device, and return the site, not started."""
    uploads = make_uploads(folder, photos, seed, workers=1, models=MODELS[:models])
    now_s = int(time.time())
    # all on one site, over the last ten months: every crawl lists the whole span anew
    spread = [
        replace(upload, id=str(50_000_000_000 + number), site="flickr",
                uploaded_at_s=now_s - chance.randrange(2 * DAY_S, 300 * DAY_S))
        for number, upload in enumerate(uploads)
    ]  # fmt: skip
    chance.shuffle(spread)
    return Site(folder, 0, spread, chance, spread[: round(FIRST_SHARE * len(spread))])
