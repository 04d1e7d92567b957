"""Sections of crawls: how spiders behave, and the sites and folders that photographs come from."""

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from corpus.sections.section import Section
from corpus.text import parsed_time
from corpus.validation import check_pattern, folder_path, web_address

WIKIMEDIA_LIMITS = (3, 2, 25.0)
"""Concurrent API requests, concurrent downloads and Mbit/s that Wikimedia grants robots."""


class Crawl(Section):
    """How every spider behaves towards every host."""

    contact: str = ""
    """E-mail address or web page of whoever runs the crawl, for the User-Agent; the sites demand one."""
    delay_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Shortest time between the starts of two requests to one host, in seconds."""
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 180.0
    """Longest time for one response, body included, in seconds."""
    retries: Annotated[int, Field(ge=0, le=20)] = 5
    """How often a request is repeated after a broken connection or a server error."""
    header_bytes: Annotated[int, Field(ge=1024, le=4 << 20)] = 32768
    """Bytes of an original that are requested first: 32 KiB hold the whole header of 73 % of photographs."""
    original_max_bytes: Annotated[int, Field(ge=1 << 20)] = 64 << 20
    """Size in bytes of the largest original that is downloaded."""
    limits_folder: str = ""
    """Folder in which the crawls on this machine share their limits: request slots, pauses of a host, calls an hour.
    If empty, `shutterprint/limits` below $XDG_STATE_HOME, or else below ~/.local/state."""

    _check_folder = field_validator("limits_folder")(folder_path)


class Hosts(Section):
    """Keys of every source that is fetched from hosts."""

    hosts: tuple[str, ...]
    """The only hosts that are contacted, as shell-style patterns. A host whose name resolves to an address that is not
    public is refused unless that address is listed as well."""
    file_requests: Annotated[int, Field(ge=1, le=64)] = 2
    """Most concurrent downloads from one host, by all crawls on this machine together."""
    megabits_per_s: Annotated[float | None, Field(gt=0)] = None
    """Most Mbit/s that all downloads from one host take together, on average; null: no limit."""


class Site(Hosts):
    """Keys of every photo site that has an API."""

    api_url: str
    """Address of the API."""
    api_requests: Annotated[int, Field(ge=1, le=64)] = 2
    """Most concurrent API requests to one host, by all crawls on this machine together."""
    since: str
    """Earliest upload time that is crawled, an ISO 8601 date or time in UTC."""
    until: str | None = None
    """Latest upload time that is crawled, an ISO 8601 date or time in UTC; null: the start of the crawl."""
    look_back_days: Annotated[int, Field(ge=0, le=366)] = 7
    """Days up to now that every crawl lists again, because photographs are published, described or categorised late."""
    revisit_days: Annotated[int, Field(ge=0, le=36_500)] = 90
    """Days after which a window is listed again, for what was changed or deleted at the site; 0: never."""

    _check_api_url = field_validator("api_url")(web_address("https://api.example.org/"))

    @field_validator("since")
    @classmethod
    def _is_time(cls, value: str) -> str:
        parsed_time(value)
        return value

    @field_validator("until")
    @classmethod
    def _is_later(cls, value: str | None, info: ValidationInfo) -> str | None:
        since = info.data.get("since")  # missing where it is wrong itself
        if value is not None and (end_s := parsed_time(value)) and since and end_s <= parsed_time(since):
            raise ValueError(f"is not later than since, {since}")
        return value


class Flickr(Site):
    """The Flickr API; its key comes from the environment's FLICKR_API_KEY."""

    api_url: str = "https://api.flickr.com/services/rest/"
    """Address of the Flickr API."""
    hosts: tuple[str, ...] = ("api.flickr.com", "*.staticflickr.com")
    """The only hosts that are contacted, as shell-style patterns. A host whose name resolves to an address that is not
    public is refused unless that address is listed as well."""
    since: str = "2010-01-01"
    """Earliest upload time that is crawled, an ISO 8601 date or time in UTC."""
    licences: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
        "8",
        "9",
        "10",
        "11",
        "12",
        "13",
        "14",
        "15",
        "16",
    )
    """Flickr's ids of the licences that are crawled: all but 0, all rights reserved."""


class Wikimedia(Site):
    """The MediaWiki API of Wikimedia Commons, or of another wiki."""

    api_url: str = "https://commons.wikimedia.org/w/api.php"
    """Address of the wiki's API."""
    hosts: tuple[str, ...] = ("commons.wikimedia.org", "upload.wikimedia.org")
    """The only hosts that are contacted, as shell-style patterns. A host whose name resolves to an address that is not
    public is refused unless that address is listed as well."""
    api_requests: Annotated[int, Field(ge=1, le=64)] = 3
    """Most concurrent API requests, by all crawls on this machine together; Wikimedia grants robots 3."""
    file_requests: Annotated[int, Field(ge=1, le=64)] = 2
    """Most concurrent downloads, by all crawls on this machine together; Wikimedia grants robots 2."""
    megabits_per_s: Annotated[float | None, Field(gt=0)] = 25.0
    """Most Mbit/s that all downloads take together, on average; Wikimedia grants robots 25. null: no limit."""
    since: str = "2004-09-01"
    """Earliest upload time that is crawled, an ISO 8601 date or time in UTC."""
    categories: tuple[str, ...] = ()
    """Categories that are crawled besides those of the cameras, without `Category:`."""
    depth: Annotated[int, Field(ge=0, le=10)] = 3
    """Levels of subcategories that are followed."""
    structured_search: bool = False
    """Whether to search files by the camera of their structured data (property P4082) as well. It finds cameras that
    have a Wikidata id in the catalogue."""

    @model_validator(mode="after")
    def _within_robot_policy(self) -> Self:
        # https://www.mediawiki.org/wiki/API:Etiquette and Wikimedia's robot policy
        asked = (self.api_requests, self.file_requests, self.megabits_per_s or float("inf"))
        if (urlsplit(self.api_url).hostname or "").endswith(".wikimedia.org") and any(
            more > most for more, most in zip(asked, WIKIMEDIA_LIMITS, strict=True)
        ):
            raise ValueError(
                "api_requests, file_requests, megabits_per_s: {}, {}, {} are more than Wikimedia's robot policy "
                "grants: {}, {}, {}".format(*asked, *WIKIMEDIA_LIMITS)
            )
        return self


class Folder(Section):
    """A folder of existing files."""

    path: str = ""
    """The collection's root folder; a relative path starts at the configuration file's folder."""
    pattern: str | None = None
    """Glob pattern of the files below `path`; null: that of the layout."""

    layout: Literal["exif", "folders", "challenge", "vision", "fodb", "dresden"] = "exif"
    """How the collection is laid out. With `exif`, EXIF names each file's camera; with `folders`, its folder does, by
    the catalogue's key or name; the others are published collections as their authors lay them out."""
    owner: int | str | None = None
    """Which part of a file's path names its owner, the person whose photographs count as one voice when cameras are
    learned. null: the whole tree is one owner, except in published collections, whose devices are one each. An integer:
    the folder at that level below `path`, 1 being the first. Text: a regular expression with a group `owner`, matched
    from the beginning of the path below `path`, e.g. `[^/]+/(?P<owner>[^/]+) - `. A file whose path does not reach so
    far counts among those of the whole tree."""
    link: bool = False
    """Whether originals are hard links to the files instead of copies, where the storage is on the same file system.
    Programs that rewrite a file in place then change the original too, so every crawl reads all of them again."""

    @field_validator("owner", mode="before")
    @classmethod
    def _level_or_pattern(cls, value: Any) -> Any:
        if isinstance(value, str):
            check_pattern(value, "owner")
        elif value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 50):
            raise ValueError("is not null, a level from 1 to 50, or a pattern with a group (?P<owner>…)")
        return value

    _check_path = field_validator("path")(folder_path)

    @field_validator("pattern")
    @classmethod
    def _lies_below(cls, value: str | None) -> str | None:
        if value is not None and not set(value.split("/")).isdisjoint({"", ".", ".."}):
            raise ValueError("is not a pattern of paths below sources.folder.path, such as **/*.jpg")
        return value


class Manifest(Hosts):
    """A data set that was handed on as a list of addresses."""

    hosts: tuple[str, ...] = ()
    """Hosts that are contacted beside those of the sites above, as shell-style patterns. A list that names another host
    is refused before anything is fetched. A host whose name resolves to an address that is not public is refused unless
    that address is listed as well."""
    megabits_per_s: Annotated[float | None, Field(gt=0)] = 25.0
    """Most Mbit/s that all downloads from one of these hosts take together, on average; null: no limit. The hosts of
    the sites above have the limits of their site."""


class Sources(Section):
    """Where photographs come from."""

    flickr: Flickr = Flickr()
    """Flickr."""
    wikimedia: Wikimedia = Wikimedia()
    """Wikimedia Commons, or another wiki."""
    folder: Folder = Folder()
    """A folder of existing files."""
    manifest: Manifest = Manifest()
    """A data set that was handed on as a list of addresses."""
