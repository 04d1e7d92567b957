"""Pages: builds the wiki's file pages and categories from the uploads.

Every camera with a category has a subcategory in it, which holds a part of its photographs and, as happens on Wikimedia
Commons, the category itself: following subcategories without remembering them never ends.
"""

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from corpus.cameras.catalogue import Catalogue
from demo.uploads.upload import Upload

FILE, CATEGORY = 6, 14
"""Namespaces of MediaWiki."""
SUBCATEGORY_SUFFIX = " (details)"
_SUBCATEGORY_EVERY = 4
"""Every fourth photograph of a camera is in the subcategory instead."""
_FIRST_CATEGORY_ID = 900_000_001
"""Above the ids of all uploads, so that a category keeps its page id when files are added."""
_FORBIDDEN_IN_TITLES = re.compile(r"[#<>\[\]|{}/\\:_\x00-\x1f]+")


@dataclass(frozen=True)
class WikiPage:
    """The page of a file or of a category."""

    pageid: int
    title: str
    """With its namespace, and with spaces, not underscores."""
    upload: Upload | None = None
    """A file's upload; None for a category."""
    file_at_s: int = 0
    """When a file's current version was uploaded, seconds since 1970."""

    @property
    def namespace(self) -> int:
        """Number of the namespace."""
        return CATEGORY if self.upload is None else FILE

    @property
    def kind(self) -> str:
        """What categories call it: `file` or `subcat`."""
        return "subcat" if self.upload is None else "file"

    @property
    def key(self) -> str:
        """Title without namespace, with underscores for spaces."""
        return self.title.partition(":")[2].replace(" ", "_")

    @property
    def description_path(self) -> str:
        """Path of the page for people."""
        return f"/wiki/{quote(self.title.replace(' ', '_'), safe=':(),!*@')}"

    @property
    def file_path(self) -> str:
        """Path of the file, in folders named by the MD5 of its name, as in MediaWiki."""
        digest = hashlib.md5(self.key.encode(), usedforsecurity=False).hexdigest()
        return f"/images/{digest[0]}/{digest[:2]}/{quote(self.key, safe='')}"


@dataclass(frozen=True)
class Member:
    """One page in a category."""

    page: WikiPage
    added_at_s: int
    """When it was added to the category."""

    @property
    def sort_key(self) -> str:
        """Key of the default order of members."""
        return self.page.title.partition(":")[2].upper()


class Wiki:
    """All pages of one wiki; a file's page id is its upload's id.

    `replaced_at_s`: id of an upload whose file was replaced → when, in seconds since 1970.
    """

    def __init__(self, uploads: Sequence[Upload], cameras: Catalogue, replaced_at_s: Mapping[str, int]) -> None:
        self._uploads = [upload for upload in uploads if upload.site == "wikimedia"]
        self._cameras = cameras
        self.files = tuple(
            WikiPage(int(upload.id), _file_title(upload), upload, replaced_at_s.get(upload.id, upload.uploaded_at_s))
            for upload in sorted(self._uploads, key=lambda upload: int(upload.id))
        )
        self.by_title = {page.title: page for page in self.files}
        self.by_id = {page.pageid: page for page in self.files}

    def captured_with(self, item: str) -> list[WikiPage]:
        """Return the files whose structured data name an item of Wikidata as their camera, oldest first."""
        keys = {camera.key for camera in self._cameras.cameras if camera.wikidata == item}
        files = [page for page in self.files if page.upload is not None and page.upload.claimed_camera in keys]
        return sorted(files, key=lambda page: (page.upload.uploaded_at_s if page.upload else 0, page.pageid))

    @cached_property
    def categories(self) -> dict[str, tuple[Member, ...]]:
        """Members of each category by its title with namespace."""
        categories: dict[str, tuple[Member, ...]] = {}
        next_id = _FIRST_CATEGORY_ID
        for camera in self._cameras.cameras:
            if camera.commons is None:
                continue
            whole = WikiPage(next_id, f"Category:{camera.commons}")
            part = WikiPage(next_id + 1, f"Category:{camera.commons}{SUBCATEGORY_SUFFIX}")
            next_id += 2
            members = [
                Member(page, page.upload.uploaded_at_s)
                for page in self.files
                if page.upload is not None and page.upload.claimed_camera == camera.key
            ]
            first_s = min((member.added_at_s for member in members), default=0)
            inside = members[_SUBCATEGORY_EVERY - 1 :: _SUBCATEGORY_EVERY]
            outside = [member for member in members if member not in inside]
            categories[whole.title] = (*outside, Member(part, first_s))
            categories[part.title] = (*inside, Member(whole, first_s))
        return categories


def wiki_time(moment_s: int, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """Return a moment as MediaWiki writes it."""
    return time.strftime(form, time.gmtime(moment_s))


def _file_title(upload: Upload) -> str:
    words = _FORBIDDEN_IN_TITLES.sub(" ", upload.title).split()
    name = " ".join([*words, upload.id])  # a wiki's titles are unique, but uploads' titles need not be
    return f"File:{name[0].upper()}{name[1:]}.jpg"
