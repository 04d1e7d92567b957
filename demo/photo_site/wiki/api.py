"""The MediaWiki API of the site: answers requests in the shapes of MediaWiki.

Supports `action=query` with `list=categorymembers`, or with `generator=categorymembers`, `generator=search`, `titles`
or `pageids` and `prop=imageinfo`; `titles` of categories with `prop=categoryinfo`; `meta=siteinfo`. The only search is
that by camera, `haswbstatement:P4082=Q…`; any other finds nothing.

Shapes, error codes and continuations were observed on a MediaWiki 1.39, licence fields and searches on Wikimedia
Commons. Two surprising habits are included: sorted by timestamp, a category returns all its members, whatever type was
requested; and a batch of files is described over several answers, each of which lists all its pages but `imageinfo`
for some only, before the generator continues.
"""

import calendar
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from demo.photo_site.behaviour import Behaviour, Countdown
from demo.photo_site.content.answers import Answer, json_answer
from demo.photo_site.wiki.imageinfo import image_info
from demo.photo_site.wiki.pages import CATEGORY, FILE, Member, Wiki, WikiPage, wiki_time

API_PATH = "/w/api.php"
LIMIT_DEFAULT, LIMIT_MAX = 10, 500
"""Of categorymembers, for clients without special rights."""
PAGES_MAX = 50
"""Titles or page ids per request."""
_SEARCH_SORTS = ("relevance", "create_timestamp_asc")
_DIGITS = "%Y%m%d%H%M%S"
_LAG_S, _LAGGED_HOST = 6.2, "10.0.0.7"
"""Lag and name of the replica that maxlag errors report."""


class _ApiError(Exception):
    def __init__(self, code: str, info: str, **details: Any) -> None:
        super().__init__(info)
        self.code, self.info, self.details = code, info, details


class MediaWikiApi:
    """Answers API requests about the pages of one wiki."""

    def __init__(self, wiki: Wiki, folder: Path, behaviour: Behaviour, lagging: Countdown, url: str) -> None:
        self._wiki, self._folder, self._behaviour, self._url = wiki, folder, behaviour, url
        self._lagging = lagging

    def answer(self, query: Mapping[str, str]) -> Answer:
        """Return the answer to one request; errors have status 200 and repeat their code in a header."""
        modern = query.get("formatversion") in ("2", "latest")
        headers = {}
        try:
            tree = self._query(query)
        except _ApiError as error:
            docs = f"See {self._url}{API_PATH} for API usage."
            tree = {"error": {"code": error.code, "info": error.info, **error.details, "docref": docs}}
            headers = {"MediaWiki-API-Error": error.code}
            if error.code == "maxlag":
                headers |= {"Retry-After": str(self._behaviour.retry_after_s), "X-Database-Lag": str(int(_LAG_S))}
        return json_answer(tree if modern else _first_format(tree), headers)

    def _query(self, query: Mapping[str, str]) -> dict[str, Any]:
        if query.get("action") != "query":
            raise _ApiError("badvalue", f'Unrecognized value for parameter "action": {query.get("action", "")}.')
        if "maxlag" in query and self._lagging.take("maxlag") is not None:
            info = f"Waiting for {_LAGGED_HOST}: {_LAG_S} seconds lagged."
            raise _ApiError("maxlag", info, host=_LAGGED_HOST, lag=_LAG_S, type="db")
        tree: dict[str, Any] = {"query": {}}
        onward: dict[str, str] = {}
        if query.get("meta") == "siteinfo":
            general = {"sitename": "Photo site", "generator": "MediaWiki 1.39.0"}
            tree["query"] |= {"general": general, "dbrepllag": [{"host": _LAGGED_HOST, "lag": 0}]}
        if query.get("list") == "categorymembers":
            members, onward_members = self._members(query, "cm", tree)
            tree["query"]["categorymembers"] = [_listed(member, query) for member in members]
            onward = {"cmcontinue": onward_members, "continue": "-||"} if onward_members else {}
        if query.get("generator") == "categorymembers":
            members, onward_members = self._members(query, "gcm", tree)
            pages = sorted((member.page for member in members), key=lambda page: page.pageid)
            rows, next_file = self._described(pages, query)
            tree["query"]["pages"] = rows
            onward = _onward(query, next_file, onward_members)
            if next_file:
                _warn(tree, "result", "This result was truncated because it would otherwise be larger than the limit.")
        elif query.get("generator") == "search":
            found, next_offset = self._searched(query, tree)
            rows, next_file = self._described(found, query)
            tree["query"]["pages"] = rows
            onward = _onward(query, next_file, next_offset, "gsroffset")
        elif query.get("pageids"):
            numbers = _page_ids(query["pageids"])
            rows, next_file = self._described([p for n in numbers if (p := self._wiki.by_id.get(n))], query)
            rows += [{"pageid": number, "missing": True} for number in numbers if number not in self._wiki.by_id]
            tree["query"]["pages"] = rows
            onward = _onward(query, next_file, None)
        elif query.get("titles"):
            titles = [_normal(title) for title in query["titles"].split("|")[:PAGES_MAX]]
            known = [page for title in titles if (page := self._wiki.by_title.get(title))]
            rows, next_file = self._described(known, query)
            counted = [title for title in titles if title in self._wiki.categories]
            rows += [_counted(title, self._wiki.categories[title]) for title in counted]
            missing = [title for title in titles if title not in (*self._wiki.by_title, *counted)]
            rows += [{"ns": FILE, "title": title, "missing": True, "imagerepository": ""} for title in missing]
            tree["query"]["pages"] = rows
            onward = _onward(query, next_file, None)
        if not tree["query"].get("pages", True):
            del tree["query"]
        if onward:
            tree["continue"] = onward
        return tree if "iicontinue" in onward else {"batchcomplete": True, **tree}

    def _members(
        self, query: Mapping[str, str], prefix: str, tree: dict[str, Any]
    ) -> tuple[Sequence[Member], str | None]:
        if not query.get(f"{prefix}title"):
            names = f'"{prefix}title" and "{prefix}pageid"'
            raise _ApiError("missingparam", f"One of the parameters {names} is required.")
        title = _normal(query[f"{prefix}title"])
        if not title.startswith("Category:"):
            raise _ApiError("invalidcategory", "The category name you entered is not valid.")
        members = list(self._wiki.categories.get(title, ()))
        backwards = query.get(f"{prefix}dir") in ("desc", "descending", "older")
        if query.get(f"{prefix}sort") == "timestamp":  # MediaWiki ignores the requested type here
            members = _between(members, query, prefix, backwards)
            members.sort(key=lambda member: (member.added_at_s, member.page.pageid), reverse=backwards)
            places = [f"{wiki_time(member.added_at_s, _DIGITS)}|{member.page.pageid}" for member in members]
        else:
            kinds = query.get(f"{prefix}type", "page|subcat|file").split("|")
            members = [member for member in members if member.page.kind in kinds]
            members.sort(key=lambda member: member.sort_key, reverse=backwards)
            members.sort(key=lambda member: kinds.index(member.page.kind))
            places = [f"{m.page.kind}|{m.sort_key.encode().hex()}|{m.page.pageid}" for m in members]
        first = 0
        if place := query.get(f"{prefix}continue"):
            if place not in places:
                raise _bad_continue()
            first = places.index(place)
        end = first + _limit(query, prefix, tree)
        return members[first:end], places[end] if end < len(places) else None

    def _searched(self, query: Mapping[str, str], tree: dict[str, Any]) -> tuple[Sequence[WikiPage], str | None]:
        if not query.get("gsrsearch"):
            raise _ApiError("missingparam", 'The "gsrsearch" parameter must be set.')
        if query.get("gsrsort", "relevance") not in _SEARCH_SORTS:
            raise _ApiError("badvalue", f'Unrecognized value for parameter "gsrsort": {query["gsrsort"]}.')
        by_camera = re.fullmatch(r"haswbstatement:P4082=(Q\d+)", query["gsrsearch"].strip())
        found = self._wiki.captured_with(by_camera.group(1)) if by_camera else []
        if str(FILE) not in query.get("gsrnamespace", "0").split("|"):
            found = []
        first = int(query["gsroffset"]) if query.get("gsroffset", "").isdecimal() else 0
        end = min(first + _limit(query, "gsr", tree), self._behaviour.search_results_max)
        return found[first:end], str(end) if end < min(len(found), self._behaviour.search_results_max) else None

    def _described(
        self, pages: Sequence[WikiPage], query: Mapping[str, str]
    ) -> tuple[list[dict[str, Any]], WikiPage | None]:
        """Return the rows of all pages, as many as fit with `imageinfo`, and the file to go on with."""
        files: list[WikiPage] = []
        if "imageinfo" in query.get("prop", "").split("|"):
            files = sorted((page for page in pages if page.upload is not None), key=lambda page: page.key)
        if place := query.get("iicontinue"):
            if place.count("|") != 1:
                raise _bad_continue()
            files = [page for page in files if page.key >= place.partition("|")[0]]
        fitting = self._behaviour.imageinfo_per_answer
        described = {page.pageid for page in files[:fitting]}
        rows = []
        for page in pages:
            row: dict[str, Any] = {"pageid": page.pageid, "ns": page.namespace, "title": page.title}
            if page.pageid in described:
                is_missing = page.upload is None or page.upload.id in self._behaviour.missing_files
                info = image_info(page, query.get("iiprop", "timestamp|user"), self._folder, self._url, is_missing)
                row |= {"imagerepository": "local", "imageinfo": [info]}
            rows.append(row)
        return rows, files[fitting] if fitting < len(files) else None


def _onward(
    query: Mapping[str, str], next_file: WikiPage | None, next_place: str | None, name: str = "gcmcontinue"
) -> dict[str, str]:
    """Return the `continue` object: first the rest of this batch's properties, then the next batch, named by `name`."""
    if next_file is not None and next_file.upload is not None:
        onward = {"iicontinue": f"{next_file.key}|{wiki_time(next_file.upload.uploaded_at_s, _DIGITS)}"}
        here = query.get(name)
        return {**onward, name: here, "continue": f"{name}||"} if here else {**onward, "continue": "||"}
    return {name: next_place, "continue": f"{name}||"} if next_place else {}


def _page_ids(text: str) -> list[int]:
    ids = text.split("|")
    if len(ids) > PAGES_MAX:
        raise _ApiError("toomanyvalues", f'Too many values supplied for parameter "pageids". The limit is {PAGES_MAX}.')
    for each in ids:
        if not each.isdecimal():
            raise _ApiError("badinteger", f'Invalid value "{each}" for integer parameter "pageids".')
    return [int(each) for each in dict.fromkeys(ids)]


def _counted(title: str, members: Sequence[Member]) -> dict[str, Any]:
    files = sum(member.page.kind == "file" for member in members)
    counts = {"size": len(members), "pages": 0, "files": files, "subcats": len(members) - files, "hidden": False}
    return {"ns": CATEGORY, "title": title, "categoryinfo": counts}


def _listed(member: Member, query: Mapping[str, str]) -> dict[str, Any]:
    asked = query.get("cmprop", "ids|title").split("|")
    row: dict[str, Any] = {"pageid": member.page.pageid} if "ids" in asked else {}
    if "title" in asked:
        row |= {"ns": member.page.namespace, "title": member.page.title}
    if "type" in asked:
        row["type"] = member.page.kind
    return {**row, "timestamp": wiki_time(member.added_at_s)} if "timestamp" in asked else row


def _between(members: list[Member], query: Mapping[str, str], prefix: str, backwards: bool) -> list[Member]:
    names = (f"{prefix}end", f"{prefix}start") if backwards else (f"{prefix}start", f"{prefix}end")
    first_s, last_s = (_moment(name, query[name]) if query.get(name) else None for name in names)
    return [
        member
        for member in members
        if (first_s is None or member.added_at_s >= first_s) and (last_s is None or member.added_at_s <= last_s)
    ]


def _moment(name: str, text: str) -> int:
    """Return seconds since 1970 of the forms in use: ISO 8601, MediaWiki's fourteen digits, an epoch, `now`."""
    if text == "now":
        return int(time.time())
    digits = re.sub(r"[-:TZ ]", "", text)
    if digits == text and digits.isdecimal() and len(digits) < len("20000101000000"):
        return int(digits)
    try:
        return calendar.timegm(time.strptime(digits, _DIGITS))
    except ValueError as error:
        raise _ApiError("badtimestamp", f'Invalid value "{text}" for timestamp parameter "{name}".') from error


def _limit(query: Mapping[str, str], prefix: str, tree: dict[str, Any]) -> int:
    text = query.get(f"{prefix}limit", str(LIMIT_DEFAULT))
    if text == "max":
        return LIMIT_MAX
    if text.isdecimal() and 1 <= int(text) <= LIMIT_MAX:
        return int(text)
    _warn(
        tree, "categorymembers", f'The value "{text}" for parameter "{prefix}limit" must be between 1 and {LIMIT_MAX}.'
    )
    return LIMIT_MAX if text.isdecimal() and int(text) > LIMIT_MAX else 1


def _normal(title: str) -> str:
    """Return a title in the wiki's normal form: spaces, and a capital letter after the namespace."""
    namespace, colon, name = " ".join(title.replace("_", " ").split()).partition(":")
    name = name.strip()
    return f"{namespace.strip().capitalize()}:{name[:1].upper()}{name[1:]}" if colon else namespace


def _warn(tree: dict[str, Any], module: str, text: str) -> None:
    tree.setdefault("warnings", {})[module] = {"warnings": text}


def _bad_continue() -> _ApiError:
    info = "Invalid continue param. You should pass the original value returned by the previous query."
    return _ApiError("badcontinue", info)


def _first_format(value: Any, name: str = "") -> Any:
    """Return a tree in formatversion 1: true becomes an empty text, pages are keyed by id."""
    if isinstance(value, Mapping):
        renamed = {"docref": "*"} if name == "error" else {"warnings": "*"} if name != "" else {}
        return {renamed.get(key, key): _first_format(item, key) for key, item in value.items()}
    if isinstance(value, list) and name == "pages":
        unknown = iter(range(-1, -len(value) - 1, -1))
        return {str(row.get("pageid") or next(unknown)): _first_format(row) for row in value}
    if isinstance(value, list):
        return [_first_format(item, name) for item in value]
    return "" if value is True else value
