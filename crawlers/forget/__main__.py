"""`python -m crawlers.forget PHOTO…`: take photographs down: out of the store, and never in again.

Name each photo by its key (flickr:4711, wikimedia:123, folder:a/b.jpg) or by the address of its page. It is put on the
takedown list for good. Then the store's originals of all its versions, its thumbnail and its facts are removed, and its
rows in the records keep only that it is forgotten. From then on no crawl fetches it and no curation uses it.

A photo that no record has is put on the list all the same. Files in a folder of your own (sources.folder.path) stay
where they are. Published generations and shards never change: those that hold the photo are named, with what to do.

The command may be cut off at any moment: repeat it, or give it without a photo, which does the whole list again. Crawls
and curations that run meanwhile ask the list, but may still write what they had in hand; the command without a photo,
given after they have ended, removes that too. Exit code 1: something could not be read, and is named.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.errors import ConfigurationError
from corpus.storage import Store
from corpus.takedowns import ASKED_S, REASON, is_taken_down, page_digest, takedown, takedowns, taken_down
from corpus.text import count, escaped
from crawlers.forget import removal
from crawlers.forget.photo_names import PhotoName, parse_name, plain_page
from crawlers.forget.published import still_published
from crawlers.windows.refused_pictures import remove_pictures


@dataclass
class Traces:
    """What the store holds of one photo."""

    rows: int = 0  # in manifests, and in tables of records except those that say only that it is forgotten
    originals: int = 0
    facts: int = 0
    is_known: bool = False
    versions: set[str] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)
    sha256: set[str] = field(default_factory=set)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m crawlers.forget", __doc__ or "")
    parser.add_argument("photos", metavar="PHOTO", nargs="*", help="a photo's key, or its page's address")
    parser.add_argument("--file", dest="list_file", metavar="LIST", help="a file with one photo a line; # comments")
    parser.add_argument("--list", action="store_true", help="show the takedown list and change nothing")
    parser.add_argument("--dry-run", action="store_true", help="say what would be removed and change nothing")
    given = parser.parse_args(arguments)
    configuration = configuration_of(given)
    store = configuration.store
    if given.list:
        listed = takedowns(store)
        for one in listed:
            print(f"{one.at}  {escaped(one.photo)}")
        print(f"{count(len(listed), 'photo')} on the takedown list of {store.url}")
        return 0
    wiki_host = urlsplit(configuration.sources.wikimedia.api_url).hostname or ""
    names = [parse_name(text, wiki_host) for text in _texts(given)]
    problems: removal.Problems = []
    photos = _keys(store, names, problems) if names else sorted(taken_down(store))
    if not photos:
        print("the takedown list is empty, and no photo was named; see --help")
        return 0
    traces = survey(store, photos, problems)
    if given.dry_run:
        _report(store, traces, "would be removed", problems)
    else:
        _report(store, forget(store, traces, problems), "removed", problems)
    return 1 if problems else 0


def survey(store: Store, photos: Sequence[str], problems: removal.Problems) -> dict[str, Traces]:
    """Return what the store holds of photos, changing nothing."""
    traces = {photo: Traces() for photo in photos}
    for _, rows in removal.search(store, removal.record_tables(store), "photo", photos, removal.COLUMNS, problems):
        for row in rows:
            trace = traces[row["photo"]]
            trace.is_known = True
            trace.rows += row["reasons"] != [REASON]
            trace.versions.add(row["version"] or "")
            trace.sha256 |= {row["sha256"]} - {None}
            trace.pages |= {page_digest(plain_page(row["page_url"]))} if row["page_url"] else set()
    for _, rows in removal.search(store, removal.manifests(store), "photo", photos, [], problems):
        for row in rows:
            traces[row["photo"]].rows += 1
    for _, rows in removal.search(store, removal.facts_tables(store), "photo", photos, ["version"], problems):
        for row in rows:
            traces[row["photo"]].facts += 1
            traces[row["photo"]].versions.add(row["version"])
    for photo, trace in traces.items():
        originals = removal.originals_of(store, photo)
        trace.originals = len(originals)
        trace.versions |= {path.removesuffix(".jpg")[-10:] for path in originals}
    return traces


def forget(store: Store, traces: dict[str, Traces], problems: removal.Problems) -> dict[str, Traces]:
    """Put photos on the list, then remove what the working files hold of them; return what was removed.

    The list comes first, so that the next run finishes what was cut off, and no photo is fetched again meanwhile. In an
    object store the rest waits until no crawl goes by the list as it was before.
    """
    are_new = [takedown(store, photo, trace.pages) for photo, trace in traces.items()]
    if store.is_s3 and any(are_new):
        time.sleep(ASKED_S)
    rows = removal.strip_records(store, traces.keys(), problems) + removal.strip_manifests(
        store, traces.keys(), problems
    )
    remove_pictures(store, traces.keys())
    removal.remove_judging(store)
    originals = removal.remove_originals(store, traces.keys())
    facts = removal.remove_facts(store, traces.keys(), problems)
    return {
        photo: replace(trace, rows=rows[photo], originals=originals[photo], facts=facts[photo])
        for photo, trace in traces.items()
    }


def _texts(given: argparse.Namespace) -> list[str]:
    texts = list(given.photos)
    if given.list_file is not None:
        try:
            # newline: only line feeds end a line, since a file's name may contain any other character
            with Path(given.list_file).open(encoding="utf-8-sig", errors="surrogateescape", newline="\n") as file:
                lines = [line.rstrip("\r\n") for line in file]
        except OSError as error:
            raise ConfigurationError(f"--file {escaped(given.list_file)}: cannot be read: {error.strerror}") from error
        texts += [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return texts


def _keys(store: Store, names: Sequence[PhotoName], problems: removal.Problems) -> list[str]:
    """Return the keys of the named photos; raises ConfigurationError for a page that neither records nor list know."""
    keys = {name.key for name in names if name.key}
    pages = {name.page: name.text for name in names if name.page}
    if not pages:
        return sorted(keys)
    in_records = removal.photos_of_pages(store, pages, problems)
    on_list: defaultdict[str, set[str]] = defaultdict(set)
    for one in takedowns(store):
        for digest in one.pages:
            on_list[digest].add(one.photo)
    for page, text in pages.items():
        photos = in_records[page] | on_list[page_digest(page)]
        if not photos:
            raise ConfigurationError(
                f"{escaped(text)}: no record has this page, and nothing was done; name the photo by its key instead: "
                "flickr:<the number in the address>, wikimedia:<the page id in the wiki's page information>"
            )
        keys |= photos
    return sorted(keys)


def _report(store: Store, traces: dict[str, Traces], verb: str, problems: removal.Problems) -> None:
    for photo, trace in traces.items():
        print(f"{escaped(photo)}: {_told(trace, verb)}")
    sha256 = {digest: photo for photo, trace in traces.items() for digest in trace.sha256}
    others = {
        (row["photo"], sha256[row["sha256"]])
        for _, rows in removal.search(store, removal.record_tables(store), "sha256", sha256, ["photo"], problems)
        for row in rows
        if row["photo"] not in traces and not is_taken_down(store, row["photo"])
    }
    for other, photo in sorted(others):
        print(f"{escaped(other)}: has the same bytes as {escaped(photo)} and stays; forget it too if you mean both")
    published = still_published(store, {photo: trace.versions for photo, trace in traces.items()}, problems)
    if published:
        print("\npublished before, and never changed:")
        for path, what in published.items():
            print(escaped(f"  {path}: {what}"))
        print(
            "First run `python -m curation.run`: the new generation leaves these photos out, and keeps every other one "
            f"on its side.\nThen delete the paths above from {store.url}. Networks in runs/ that were trained on them "
            "have seen these photos."
        )
    for problem in dict.fromkeys(problems):  # a table is searched more than once
        print(escaped(f"not looked through: {problem}"))


def _told(trace: Traces, verb: str) -> str:
    if trace.rows or trace.originals or trace.facts:
        parts = (count(trace.originals, "original"), count(trace.rows, "row"), count(trace.facts, "row") + " of facts")
        return f"{', '.join(parts)} {verb}"
    return "nothing left of it" if trace.is_known else "in no record; it is never fetched once it is on the list"


if __name__ == "__main__":
    exit_with(main)
