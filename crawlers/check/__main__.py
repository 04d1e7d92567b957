"""`python -m crawlers.check [flickr] [wikimedia] [folder] [catalogue]`: says in seconds whether a crawl would work.

It checks what a crawl needs, before cron finds out at night: contact, key and licences, the wiki and the categories of
the chosen cameras, the storage, the folder of the limits, a folder of existing files. No photograph is downloaded.
Calls keep the limits of the crawls that run meanwhile, and count among the key's calls of the hour.

Without a source: Flickr where FLICKR_API_KEY is set, Wikimedia where crawl.contact is, the folder where
sources.folder.path is. `catalogue` checks the camera catalogue instead: EXIF strings that two cameras take, paths,
categories and items that two entries share, unusual sizes, and what entries leave open.

Each line has ok, FAIL or note, what was checked, what was found, and the cure.
Exit code 0: nothing failed; 1: something did; 2: the configuration or this command line is wrong.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import chain

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.configuration import Configuration
from corpus.errors import ConfigurationError
from crawlers.check.catalogue import check_cameras
from crawlers.check.machine import check_contact, check_folder, check_limits, check_storage
from crawlers.check.result import Finding, finding_line
from crawlers.check.sites import check_flickr, check_wikimedia
from crawlers.network.redaction import redacted
from crawlers.spiders.flickr import KEY_VARIABLE

SOURCES = ("flickr", "wikimedia", "folder")
CATALOGUE = "catalogue"
"""What can be named beside the sources."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m crawlers.check", __doc__ or "")
    parser.add_argument("sources", metavar="SOURCE", nargs="*", help=f"{', '.join(SOURCES)}, {CATALOGUE}")
    given = parser.parse_args(arguments)
    for name in given.sources:
        if name not in (*SOURCES, CATALOGUE):
            raise ConfigurationError(f"{name}: is not a source; there are {', '.join(SOURCES)}, and {CATALOGUE}")
    configuration, key = configuration_of(given), os.environ.get(KEY_VARIABLE, "").strip()
    contact, folder = configuration.crawl.contact.strip(), configuration.sources.folder.path
    in_use = [source for source, mark in zip(SOURCES, (key, contact, folder), strict=True) if mark]
    named = [name for name in given.sources if name != CATALOGUE]
    parts: list[Iterator[Finding]] = []
    if CATALOGUE in given.sources:
        parts.append(check_cameras(configuration.whole_catalogue))
    if named or CATALOGUE not in given.sources:
        parts.append(findings(configuration, named or in_use, key))
    is_well = True
    for finding in chain.from_iterable(parts):
        print(redacted(finding_line(finding), key), flush=True)  # a finding may quote what a site has answered
        is_well &= finding.status != "FAIL"
    return 0 if is_well else 1


def findings(configuration: Configuration, sources: Sequence[str], key: str) -> Iterator[Finding]:
    """Yield the findings as they are made: first on this machine, then source by source."""
    yield check_contact(configuration, is_needed=not sources or bool({"flickr", "wikimedia"} & set(sources)))
    yield from check_storage(configuration.store)
    yield check_limits(configuration.crawl.limits_folder, os.environ)
    if not sources:
        cure = f"set {KEY_VARIABLE}, crawl.contact or sources.folder.path, or name a source"
        yield Finding("note", "sources", "none is configured", cure)
    if "flickr" in sources:
        yield from check_flickr(configuration, key)
    if "wikimedia" in sources:
        yield from check_wikimedia(configuration)
    if "folder" in sources:
        yield check_folder(configuration)


if __name__ == "__main__":
    exit_with(main)
