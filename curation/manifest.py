"""`python -m curation.manifest GENERATION [-o FILE]`: writes a data set as a list, to be handed on without photographs.

The list is one Parquet file with a row for each photograph that a generation (in full, by the beginning of its name, or
`latest`) has judged: address, SHA-256, licence, author, camera, group as a digest, split, fold, and the reasons against
the refused. FILE.croissant.json beside it describes it for other programs. By the list, `scrapy crawl manifest -a
file=FILE` fetches the same originals on another machine, and `python -m curation.run` there makes the same data set of
them. Give the configuration that the generation was judged with: it goes into the list, without paths or contact.

`--compare FILE` says instead how GENERATION of this store compares with a list that its photographs were fetched by:
what is gone, its share of each camera, and whether all else is equal. The exit code is then 1 if anything else differs.
"""

import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from corpus.command_line import command_parser, configuration_of, exit_with, plain_console
from corpus.configuration import Configuration
from corpus.errors import ConfigurationError, StageError
from corpus.manifests.reading import open_manifest
from corpus.records import MANIFEST
from corpus.storage import open_store
from corpus.text import count, one_line
from curation.generations import FOLDER, FUNNEL, generation_named
from curation.inspection.reproduction import reproduction
from curation.publishing.croissant import PARQUET, croissant
from curation.publishing.manifest import Summary, other_settings, write_manifest

_SHOWN = 20
_TEXT_CHARACTERS = 160


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m curation.manifest", __doc__ or "")
    parser.add_argument("generation", metavar="GENERATION", nargs="?", default="latest", help="default: latest")
    parser.add_argument("-o", "--output", metavar="FILE", help="default: manifest-GENERATION.parquet here")
    parser.add_argument("--compare", metavar="FILE", help="compare GENERATION with this list")
    parser.add_argument("--json", action="store_true", help="with --compare: print everything as JSON")
    given = parser.parse_args(arguments)
    if given.compare and given.output:
        raise ConfigurationError("--compare FILE: writes nothing; leave out -o")
    configuration = configuration_of(given)
    generation = generation_named(configuration.store, given.generation)
    if given.compare:
        return compare(configuration, generation, Path(given.compare), as_json=given.json)
    export(configuration, generation, Path(given.output or f"manifest-{generation}.parquet"), plain_console())
    return 0


def export(configuration: Configuration, generation: str, file: Path, console: Console) -> Summary:
    """Write the manifest of a generation, and then its description; each appears whole or not at all.

    Raises StageError where a crawl would refuse the manifest; nothing is written then.
    """
    if file.suffix != ".parquet":
        raise ConfigurationError(f"-o {file}: is no name of a Parquet file (.parquet)")
    store = configuration.store
    if not file.resolve().parent.is_dir():
        raise StageError(f"-o {file}: there is no folder {file.parent}")
    with tempfile.TemporaryDirectory(prefix="shutterprint-manifest-") as folder:
        written = Path(folder) / file.name
        summary = write_manifest(configuration, generation, written)
        try:
            for _ in open_manifest(written).batches():
                pass
        except ConfigurationError as error:
            raise StageError(f"-o {file}: is not written, since no crawl would take it: {error}") from error
        with written.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        size_bytes = written.stat().st_size
        described = {"name": file.name, "sha256": sha256, "size_bytes": size_bytes, "encoding": PARQUET}
        counts = store.read_json(f"{FOLDER}/{generation}/{FUNNEL}")
        beside = open_store(str(file.resolve().parent))
        beside.publish_file(file.name, written)
        description = croissant(generation, counts, [described], MANIFEST, table=file.name)
        beside.publish_json(f"{file.name}.croissant.json", description)
    told = f"{file}: {count(summary.kept, 'photograph')} of {summary.photos:,} judged, {size_bytes:,} bytes"
    console.print(told, soft_wrap=True)
    for number, what in (
        (summary.without_address, "kept from folders: no site serves them, so they can be fetched from a mirror alone, "
         "and their keys are paths, which may name people"),
        (summary.without_licence, "kept without a known licence"),
        (summary.forgotten, "left out, since their removal was asked for"),
    ):  # fmt: skip
        if number:
            console.print(f"{count(number, 'photograph')} {what}", soft_wrap=True)
    return summary


def compare(configuration: Configuration, generation: str, file: Path, *, as_json: bool) -> int:
    """Print how a generation compares with a manifest; return the exit code."""
    manifest = open_manifest(file)
    found = reproduction(configuration.store, generation, manifest)
    found["settings"] = other_settings(configuration, manifest.about)
    console = plain_console()
    if as_json:
        console.print(json.dumps(found, indent=1, sort_keys=True), soft_wrap=True)
    else:
        print_comparison(console, found)
    return 0 if found["is_equal"] else 1


def print_comparison(console: Console, found: dict[str, Any]) -> None:
    """Print what `curation.inspection.reproduction.reproduction` found."""
    there, here, gone = found["there"], found["here"], found["gone"]
    console.print(
        f"there: {there['generation'] or 'a list'} keeps {there['kept']:,} of {there['photos']:,} photographs\n"
        f"here:  {here['generation']} keeps {here['kept']:,} of them",
        soft_wrap=True,
    )
    for difference in found["settings"]:
        console.print(_line(f"other settings: {difference}"), soft_wrap=True)
    if found["not_fetched"]:
        console.print(f"{count(found['not_fetched'], 'photograph')} have no record here: crawl the list first")
    if gone:
        table = Table(
            "camera", *(Column(title, justify="right") for title in ("kept there", "gone", "share")), box=None
        )
        for camera, of in found["cameras"].items():
            if of["gone"]:
                table.add_row(_line(camera), f"{of['kept']:,}", f"{of['gone']:,}", f"{of['gone'] / of['kept']:.1%}")
        console.print(table)
        console.print(f"gone: {count(len(gone), 'photograph')} of {there['kept']:,}")
        for one in gone[:_SHOWN]:
            said = f"  {one['photo']} ({one['camera']}): {one['reason']}"
            console.print(_line(said + (f": {one['error']}" if one["error"] else "")), soft_wrap=True)
        if len(gone) > _SHOWN:
            console.print(f"  and {len(gone) - _SHOWN:,} more; see --json")
    for what, of in found["differs"].items():
        console.print(
            _line(f"{what} differs: {of['photos']:,}, such as {', '.join(of['examples'][:3])}"), soft_wrap=True
        )
    tars = found["tars"]
    console.print(
        f"tars: {tars['equal']:,} of {tars['there']:,} are the same to the bit, {tars['incomplete']:,} lack "
        f"photographs that are gone, {tars['other']:,} differ otherwise",
        soft_wrap=True,
    )
    console.print("nothing else differs" if found["is_equal"] else "this is not the same data set; see above")


def _line(text: str) -> str:
    return one_line(text, _TEXT_CHARACTERS)


if __name__ == "__main__":
    exit_with(main)
