"""Croissant: describes the files and columns of a generation for programs, as dataset hubs and loaders read it.

JSON-LD in the Croissant format 1.0 (http://mlcommons.org/croissant/1.0). Equal input gives an equal description: it has
no date, because nothing here reads a clock, and no `url`, because a store has no public address. The format demands
both; its readers do without.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from corpus.text import clipped, count, leading_number
from curation.generations import PHOTOS

PARQUET = "application/x-parquet"
"""MIME type of the table: readers of the format know Parquet only by this name."""
_RECORDS = "photos"
PARTS = "parts-of-photos"
_TEXT_CHARACTERS = 300

_CROISSANT_WORDS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet", "format",
    "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
    "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
)  # fmt: skip
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **{word: f"cr:{word}" for word in _CROISSANT_WORDS},
}
"""The context that the format demands."""

_MEANINGS = {
    "photo": "Key of the photograph: its source and its id there.",
    "version": "Of the upload: a replaced original is another row.",
    "source": "Photo site or folder it comes from.",
    "kept": "Whether no rule objected.",
    "reasons": "Every reason against it, in the order of the funnel.",
    "camera": "Catalogue key of the camera, by EXIF or by the collection's label: the class.",
    "group": "Device, where a serial number tells it, else owner; hashed.",
    "has_side": "Whether this or an earlier generation kept it, or a copy of it, in its group: it never changes sides.",
    "split": "train, validation or test; null where refused.",
    "fold": "Cross-validation fold of its group; null where refused.",
    "duplicate_of": "Key of the photograph it is a copy of.",
    "original": "Path of its original in the store.",
    "sha256": "Of its original.",
    "quality_factor": "IJG quality factor, estimated from the quantisation tables.",
    "quality_residual": "How far the quantisation tables are from the IJG's of that factor; from 2 on, own tables.",
    "tables_digest": "Names its quantisation tables.",
    "segments_form": "Its segments in file order, without those that come and go.",
    "editor_marks": "Marks of editing software in its bytes.",
    "claimed_camera": "Catalogue key of the search that found it.",
    "taken_at": "As EXIF says, in the camera's own time.",
    "error": "Why its bytes are not a readable photograph.",
    "url": "Address of its original at its site.",
    "author": "Whom the licence asks to name.",
    "owner": "Stands for its owner; hashed.",
    "is_labelled": "Whether its collection's folders, not EXIF, name the camera.",
    "shard": "File name of the tar of shards that has its tiles.",
}

_CREATIVE_COMMONS = re.compile(r"CC (BY|BY-SA|BY-ND|BY-NC|BY-NC-SA|BY-NC-ND) (\d\.\d)")


def croissant(
    generation: str,
    counts: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    fields: Iterable[pa.Field],
    table: str = PHOTOS,
) -> dict[str, Any]:
    """Return the Croissant description of a generation, or of its manifest, as plain JSON data.

    It is to be published beside the files. `counts`: its funnel.json. `files`: those described, each {name, sha256,
    size_bytes, encoding (MIME type)}. Files without `sha256` are those that the table is divided into, by their paths
    in the store. `fields`: the columns of the file `table`, the schema CURATED or MANIFEST; they become the record set
    `photos` if that file, or files that it is divided into, are among `files`. Raises TypeError for a column whose type
    the format does not have.
    """
    described: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"shutterprint-{generation}",
        "description": (
            f"{count(counts['kept'], 'photograph')} with the camera model that took each, out of {counts['photos']:,} "
            "judged; a row each, kept or not, with every reason against it. The photographs themselves are not part "
            "of these files."
        ),
        "version": f"{leading_number(generation)}.0.0",
        "citeAs": f"@misc{{shutterprint-{generation}, title={{Shutterprint data set, generation {generation}}}}}",
        "license": sorted({licence_address(licence) for licence in counts["licences"]}),
        "distribution": [_file(file) for file in files if "sha256" in file],
    }
    parts = [file["name"] for file in files if "sha256" not in file]
    if parts:
        described["distribution"].append(_file_set(parts))
    if parts or any(file["name"] == table for file in files):
        source = {"fileSet": {"@id": PARTS}} if parts else {"fileObject": {"@id": table}}
        described["recordSet"] = [_record_set(fields, source)]
    return described


def licence_address(licence: str) -> str:
    """Return the address of a Creative Commons licence given by its usual short name; other texts unchanged."""
    if licence in ("CC0", "CC0 1.0"):
        return "https://creativecommons.org/publicdomain/zero/1.0/"
    match = _CREATIVE_COMMONS.fullmatch(licence)
    if match is None:
        return clipped(licence, _TEXT_CHARACTERS)
    return f"https://creativecommons.org/licenses/{match[1].lower()}/{match[2]}/"


def _file(file: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        **dict.fromkeys(("@id", "name", "contentUrl"), file["name"]),
        "contentSize": f"{file['size_bytes']} B",
        "encodingFormat": file["encoding"],
        "sha256": file["sha256"],
    }


def _file_set(paths: Sequence[str]) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": PARTS,
        "name": PARTS,
        "encodingFormat": PARQUET,
        "includes": [f"../../{path}" for path in paths],
    }


def _record_set(fields: Iterable[pa.Field], source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": _RECORDS,
        "name": _RECORDS,
        "description": "A row a photograph, kept or not, sorted by photo and version.",
        "key": [{"@id": f"{_RECORDS}/{name}"} for name in ("photo", "version")],
        "field": [_field(field, source) for field in fields],
    }


def _field(field: pa.Field, source: Mapping[str, Any]) -> dict[str, Any]:
    is_list = pa.types.is_list(field.type)
    described: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{_RECORDS}/{field.name}",
        "name": field.name,
        "dataType": _data_type(field.name, field.type.value_type if is_list else field.type),
        "source": {**source, "extract": {"column": field.name}},
    }
    if field.name in _MEANINGS:
        described["description"] = _MEANINGS[field.name]
    return described | ({"repeated": True} if is_list else {})


def _data_type(name: str, arrow: pa.DataType) -> str:
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow):
        return "sc:URL" if name == "url" or name.endswith("_url") else "sc:Text"
    if pa.types.is_boolean(arrow):
        return "sc:Boolean"
    if pa.types.is_integer(arrow):
        return "sc:Integer"
    if pa.types.is_floating(arrow):
        return "sc:Float"
    raise TypeError(f"{name}: Croissant has no word for the Arrow type {arrow}")
