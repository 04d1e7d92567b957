"""Examine API: a file is uploaded, examined in its turn, looked at, downloaded as a report, and forgotten.

A file is the whole body of its request, so no form is parsed. Its name is only shown.
"""

import asyncio
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, HTTPException, Query, Request, Response

from corpus.text import clipped, escaped, slug
from examiner.web.examinations import Examination, Examinations
from examiner.web.gate.guard import TooLargeError
from examiner.web.limits import Limits
from examiner.web.pictures import shown
from examiner.web.reports import FORMATS, formats, report_file

_NAME_CHARACTERS = 200
_BODY = {"requestBody": {
    "required": True, "description": "The file, as it is.",
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}}  # fmt: skip
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such examination, or it was dropped."}}


def examine_routes(examinations: Examinations, limits: Limits) -> APIRouter:
    """Return what is asked about single photographs."""
    routes = APIRouter(prefix="/api/examinations", tags=["examine"])
    drawing = anyio.CapacityLimiter(limits.examinations_at_once)  # a picture or a PDF takes as much as an examination

    def known(key: str) -> Examination:
        found = examinations.get(key)
        if found is None:
            raise HTTPException(404, "There is no such examination; files are kept for a short time only.")
        return found

    @routes.post("", status_code=202, openapi_extra=_BODY, responses={
        413: {"description": "The file is larger than `upload_max_bytes`."},
        415: {"description": "The body is not sent as application/octet-stream."},
        429: {"description": "This client has sent too many files of late."},
        503: {"description": "Too many files are being received or wait."},
    })  # fmt: skip
    async def begin(
        request: Request, name: Annotated[str, Query(description="The file's name, which is only shown.")] = ""
    ) -> dict[str, Any]:
        """Begin to examine a file."""
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/octet-stream":
            raise HTTPException(415, "Send the file as application/octet-stream.", {"Connection": "close"})
        with examinations.reserve():
            data = await _received(request, limits)
            if not data:
                raise HTTPException(422, "The file is empty.")
            return _told(examinations, examinations.add(data, _shown_name(name)))

    @routes.get("/{key}", responses=_UNKNOWN)
    async def look(key: str) -> dict[str, Any]:
        """Return how far an examination is, and its report when it is done."""
        return _told(examinations, known(key))

    @routes.delete("/{key}", status_code=204, responses=_UNKNOWN)
    async def forget(key: str) -> None:
        """Drop a file and its report now."""
        known(key)
        examinations.forget(key)

    @routes.get("/{key}/picture", response_class=Response, responses=_UNKNOWN)
    async def picture(key: str) -> Response:
        """Return the picture as it is stored, for a browser: without metadata, not turned."""
        found = known(key)
        try:
            data, kind = await anyio.to_thread.run_sync(shown, found.data, limiter=drawing)
        except ValueError as error:
            raise HTTPException(422, f"The file {error}.") from error
        return Response(data, media_type=kind)

    @routes.get("/{key}/report.{form}", response_class=Response, responses=_UNKNOWN)
    async def report(key: str, form: str) -> Response:
        """Return the report as a file to keep: `json`, and `html` or `pdf` where this server makes them."""
        found = known(key)
        if found.report is None:
            raise HTTPException(409, "The examination is not done.")
        if form not in formats():
            raise HTTPException(404, "There is no such form of a report.")
        data = await anyio.to_thread.run_sync(report_file, found.report, form, limiter=drawing)
        name = slug(found.name.rpartition(".")[0] or "photograph") or "photograph"
        disposition = f'attachment; filename="{name}.{form}"'
        return Response(data, media_type=FORMATS[form].media_type, headers={"Content-Disposition": disposition})

    return routes


async def _received(request: Request, limits: Limits) -> bytes:
    """Return a request's body; raises TooLargeError, or TimeoutError for one that comes too slowly."""
    data = bytearray()
    async with asyncio.timeout(limits.upload_s):
        async for part in request.stream():
            data += part
            if len(data) > limits.upload_max_bytes:
                raise TooLargeError(f"At most {limits.upload_max_bytes:,} bytes are taken.")
    return bytes(data)


def _shown_name(name: str) -> str:
    """Return the last part of a file's name, short and without what is not seen."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return clipped(escaped(last), _NAME_CHARACTERS)


def _told(examinations: Examinations, found: Examination) -> dict[str, Any]:
    return {
        "key": found.key,
        "name": found.name,
        "state": found.state,
        "before": examinations.before(found),
        "took_s": found.took_s,
        "reason": found.reason,
        "formats": formats(),
        "report": found.report,
    }
