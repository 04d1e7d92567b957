"""About: what a manifest says of itself in the metadata of its Parquet file, as JSON.

A manifest is a table of `corpus.records.MANIFEST`, ordered by photo and version. Its metadata say which generation it
is of, what that was judged by, and what curation needs to make it again beside the photographs: the order of the
classes, what was learned of cameras, and the SHA-256 of each tar of shards.
"""

from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from corpus.records import MANIFEST

SCHEMA = 1
"""Raise it when the columns of a manifest, or what its metadata say, change their meaning."""
KEY = b"shutterprint.manifest"
"""Key of the metadata."""

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_ShortDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
_Text = Annotated[str, Field(max_length=100_000)]
_CameraKey = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
_Tar = Annotated[str, Field(pattern=r"^[a-z]+-[0-9a-f]+\.tar$", max_length=100)]


class OtherVersionError(ValueError):
    """A manifest is whole, and of another version than this program reads."""


class Learned(BaseModel):
    """One value that photographs of a camera show: a row of a generation's natives.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    camera: _CameraKey
    aspect: Annotated[str, Field(max_length=100)]
    value: _Text
    text: _Text
    photos: Annotated[int, Field(ge=0)]
    owners: Annotated[int, Field(ge=0)]
    share: Annotated[float, Field(ge=0, le=1)]
    native: bool
    source: Literal["learned", "catalogue"]


class About(BaseModel):
    """What a manifest says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA
    generation: Annotated[str, Field(pattern=r"^[0-9]+-[0-9a-f]+$", max_length=100)] | None = None
    """The generation that it is of; None for a list by others."""
    rules: _ShortDigest | None = None
    """Digest of `settings`, the rules' names and the catalogue."""
    settings: dict[str, Any] = {}
    """The sections of the configuration that decide verdicts and shards."""
    catalogue: _ShortDigest | None = None
    """Digest of the camera catalogue."""
    folds: Annotated[int, Field(ge=2, le=100)] | None = None
    """How many folds the groups are divided into."""
    classes: list[_CameraKey] = []
    """Cameras in the order of their labels; none where no shards were packed."""
    tars: dict[_Tar, _Digest] = {}
    """SHA-256 of each tar of shards."""
    natives: list[Learned] = []
    """What was learned of cameras."""


def schema_about(about: About) -> pa.Schema:
    """Return the schema of a manifest with what it says of itself; equal content gives equal bytes."""
    return MANIFEST.with_metadata({KEY: about.model_dump_json().encode()})


def about_of(schema: pa.Schema) -> About | None:
    """Return what a table says of itself, None where it is no manifest; raises ValueError with one sentence."""
    text = (schema.metadata or {}).get(KEY)
    if text is None:
        return None
    try:
        about = About.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the metadata"
        raise ValueError(f"its metadata are not those of a manifest: {where}: {first['msg']}") from error
    if about.schema_version != SCHEMA:
        raise OtherVersionError(
            f"it is a manifest of version {about.schema_version}, this program reads version {SCHEMA}; export it again "
            "with the same version of this program"
        )
    return about
