"""`shutterprint crawl SOURCE`: run a spider through Scrapy's command line, with the flags of all other commands."""

import os

from corpus.command_line import command_parser

_DESCRIPTION = """Crawl one source: flickr, wikimedia, folder or manifest.

A photo that the rules refuse is refused after its first bytes. A crawl that was stopped goes on where it was, and asks
for nothing twice. The next crawl finds what came late, was replaced or was deleted at the site. Flickr needs a key
in the environment variable FLICKR_API_KEY, Flickr and Wikimedia need crawl.contact in the configuration.
`scrapy crawl` does the same and takes Scrapy's own options as well.

  shutterprint crawl wikimedia
  shutterprint crawl flickr --part 1/8
  shutterprint crawl folder --set sources.folder.path=PHOTOS --set cameras=all
  shutterprint crawl manifest -a file=data-set.parquet"""


def main() -> int:
    """Crawl; exits with the code of `crawlers.commands.crawl`."""
    parser = command_parser("shutterprint crawl", _DESCRIPTION)
    parser.add_argument("source", metavar="SOURCE", help="flickr, wikimedia, folder or manifest")
    parser.add_argument("--part", metavar="I/N", help="crawl share I of N, so that N processes share one crawl")
    own = "an argument of this source alone, e.g. -a gone=accept of folder; may be repeated"
    parser.add_argument("-a", dest="own", metavar="NAME=VALUE", action="append", default=[], help=own)
    given = parser.parse_args()
    options = [("config", given.config), ("part", given.part), *(("set", text) for text in given.overrides)]
    for text in given.own:
        name, separator, value = text.partition("=")
        if not separator:
            parser.error(f"-a {text}: is not of the form NAME=VALUE")
        options.append((name, value))
    from scrapy.cmdline import execute

    os.environ["SCRAPY_SETTINGS_MODULE"] = "crawlers.settings"  # else only a folder with scrapy.cfg would do
    words = [word for key, value in options if value is not None for word in ("-a", f"{key}={value}")]
    execute(["scrapy", "crawl", given.source, *words])
    return 0
