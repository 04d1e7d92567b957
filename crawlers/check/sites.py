"""Checks of the photo sites, by a few calls to their APIs.

Flickr: whether the key is accepted and the licences exist. MediaWiki: whether the wiki answers, how far its replicas
lag, and whether the categories exist. An answer of an unexpected shape is a finding, too.
"""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from corpus.configuration import Configuration
from corpus.errors import ConfigurationError
from corpus.sections import Site
from crawlers.check.request import Caller, CallFailed, CallPutOff
from crawlers.check.result import Finding
from crawlers.network.limits import HostLimits, limits_folder
from crawlers.network.quota import Quota, quota_name
from crawlers.network.scrapy_settings import user_agent
from crawlers.sites import fields, flickr, mediawiki
from crawlers.sites.api_client import Fault
from crawlers.sites.fields import WrongShape

TITLES_MAX = 50  # titles a request, for clients without special rights


def check_flickr(configuration: Configuration, key: str) -> Iterator[Finding]:
    """Check Flickr by one call, which counts among the key's."""
    section = configuration.sources.flickr
    yield from _cameras(configuration, "flickr", "a path at flickr.com/cameras", lambda camera: camera.flickr)
    if not key:
        yield Finding("FAIL", "flickr key", "FLICKR_API_KEY is not set", "put your key into the environment")
        return
    quota = (quota_name(key), flickr.CALLS_PER_HOUR)
    answer = yield from _asked(configuration, "flickr", flickr.licences_parameters(key), flickr.fault, key, quota)
    if answer is None:
        return
    try:
        names = flickr.licence_names(answer)
    except WrongShape as wrong:
        yield Finding("FAIL", "flickr licences", str(wrong), "look whether sources.flickr.api_url is Flickr's")
        return
    yield Finding("ok", "flickr key", f"accepted by {urlsplit(section.api_url).hostname}")
    for licence in section.licences:
        if licence in names:
            yield Finding("ok", "flickr licences", f"{licence}: {names[licence][0]}")
        else:
            text = f"{licence}: the site has {', '.join(names)}"
            yield Finding("FAIL", "flickr licences", text, "correct sources.flickr.licences")
    for licence in sorted(names.keys() - set(section.licences), key=lambda name: (len(name), name)):
        yield Finding("note", "flickr licences", f"{licence}: {names[licence][0]}: not taken")


def check_wikimedia(configuration: Configuration) -> Iterator[Finding]:
    """Check the wiki and the categories that a crawl would ask for."""
    section, cameras = configuration.sources.wikimedia, configuration.chosen.cameras
    yield from _cameras(configuration, "wikimedia", "a category", lambda camera: camera.commons)
    if section.structured_search:
        yield from _cameras(configuration, "wikimedia", "a Wikidata id to search by", lambda camera: camera.wikidata)
    answer = yield from _wiki_asked(configuration, {"meta": "siteinfo", "siprop": "general|dbrepllag"})
    if answer is None:
        return
    try:
        yield from _wiki(section.api_url, answer)
    except WrongShape as wrong:
        cure = "look whether sources.wikimedia.api_url is a wiki's api.php"
        yield Finding("FAIL", "wikimedia site", str(wrong), cure)
        return
    wanted = "sources.wikimedia.categories"
    roots = {f"Category:{name.removeprefix('Category:')}": wanted for name in section.categories}
    roots |= {f"Category:{camera.commons}": f"`commons` of {camera.key}" for camera in cameras if camera.commons}
    usable = [title for title in roots if "|" not in title]
    for title in roots.keys() - set(usable):
        yield Finding("FAIL", "wikimedia category", f"{title}: no title has |", f"correct {roots[title]}")
    for first in range(0, len(usable), TITLES_MAX):
        some = usable[first : first + TITLES_MAX]
        answer = yield from _wiki_asked(configuration, {"titles": "|".join(some), "prop": "categoryinfo"})
        if answer is None:
            return
        try:
            yield from [_category(title, roots[title], page) for title, page in _pages(answer, some)]
        except WrongShape as wrong:
            yield Finding("FAIL", "wikimedia category", str(wrong))


def _cameras(
    configuration: Configuration, source: str, thing: str, place: Callable[[Any], str | None]
) -> Iterator[Finding]:
    cameras = configuration.chosen.cameras
    without = [camera.key for camera in cameras if not place(camera)]
    if len(without) < len(cameras):
        yield Finding("ok", f"{source} cameras", f"{len(cameras) - len(without)} of {len(cameras)} have {thing}")
    elif source == "flickr" or not configuration.sources.wikimedia.categories:
        yield Finding("FAIL", f"{source} cameras", f"none of those chosen has {thing}", "name them in a catalogue")
    if without and len(without) < len(cameras):
        yield Finding("note", f"{source} cameras", f"without {thing}, so not asked for: {', '.join(without)}")


def _wiki(url: str, answer: Any) -> Iterator[Finding]:
    query = fields.mapping_at(answer, "query")
    general = fields.mapping_at(query, "general")
    name = fields.text_or_none(general.get("sitename")) or "a wiki without a name"
    software = fields.text_or_none(general.get("generator")) or "MediaWiki"
    yield Finding("ok", "wikimedia site", f"{name} ({software}) at {urlsplit(url).hostname}")
    lags = [each.get("lag") for each in fields.list_at(query, "dbrepllag") if isinstance(each, Mapping)]
    lag_s = max((lag for lag in lags if isinstance(lag, int | float)), default=0)
    if lag_s > mediawiki.MAXLAG_S:
        text = f"replicas are {lag_s:g} s behind; crawls wait while it is more than {mediawiki.MAXLAG_S} s"
        yield Finding("note", "wikimedia lag", text)
    else:
        yield Finding("ok", "wikimedia lag", f"{max(lag_s, 0):g} s")


def _pages(answer: Any, titles: Iterable[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each title as asked for with its page; wikis answer with titles in their own spelling."""
    query = fields.mapping_at(answer, "query")
    spelt = fields.list_at(query, "normalized") if "normalized" in query else []
    normal = {str(each.get("from")): str(each.get("to")) for each in spelt if isinstance(each, Mapping)}
    pages = {str(page.get("title")): page for page in fields.list_at(query, "pages") if isinstance(page, Mapping)}
    for title in titles:
        page = pages.get(normal.get(title, title))
        if page is None:
            raise WrongShape(f"the answer has nothing of {title}")
        yield title, page


def _category(title: str, where: str, page: Mapping[str, Any]) -> Finding:
    counts = page.get("categoryinfo")
    counts = counts if isinstance(counts, Mapping) else {}
    files, below = (fields.number_or_none(counts.get(name), fields.INT64_MAX) or 0 for name in ("files", "subcats"))
    if page.get("invalid"):
        return Finding("FAIL", "wikimedia category", f"{title}: is no title a page can have", f"correct {where}")
    if not files and not below:
        if page.get("missing"):
            return Finding("FAIL", "wikimedia category", f"{title}: does not exist", f"correct {where}")
        return Finding("note", "wikimedia category", f"{title}: is empty")
    return Finding("ok", "wikimedia category", f"{title}: files {files:,}, subcategories {below:,}")


def _wiki_asked(configuration: Configuration, parameters: dict[str, str]) -> Generator[Finding, None, Any]:
    # no maxlag: the wiki shall say how far behind it is instead of refusing the call
    parameters = {"action": "query", "format": "json", "formatversion": "2"} | parameters
    return (yield from _asked(configuration, "wikimedia", parameters, mediawiki.fault))


def _asked(
    configuration: Configuration,
    source: str,
    parameters: Mapping[str, str],
    fault: Callable[[Any], Fault | None],
    key: str = "",
    quota: tuple[str, int] | None = None,
) -> Generator[Finding, None, Any]:
    """Return a good answer; without one, yield the finding that says why and return None."""
    section: Site = getattr(configuration.sources, source)
    host, subject = urlsplit(section.api_url).hostname or "", f"{source} site"
    if not configuration.crawl.contact.strip():  # nor do crawls start without one
        yield Finding("FAIL", subject, "not asked: crawl.contact is empty", "set it to your address or page")
        return None
    try:
        folder = limits_folder(configuration.crawl.limits_folder, os.environ)
        limits = HostLimits(folder, host, "api", section.api_requests, configuration.crawl.delay_s)
        counted = Quota(folder, *quota) if quota else None
        caller = Caller(section.api_url, section.hosts, user_agent(configuration.crawl.contact), limits, counted, key)
        answer = caller.ask(parameters)
    except CallPutOff as put_off:
        yield Finding("note", subject, str(put_off))
        return None
    except CallFailed as failed:
        yield Finding("FAIL", subject, str(failed), f"see sources.{source}, and this machine's network")
        return None
    except ConfigurationError as error:
        yield Finding("FAIL", subject, f"not asked: {error}")
        return None
    wrong = fault(answer)
    if wrong is not None:
        yield Finding("FAIL", subject, caller.clean(f"{host}: {wrong.text}"))
        return None
    return answer
