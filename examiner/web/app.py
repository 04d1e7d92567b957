"""App: the web page's application: photographs examined, the data set and the runs, behind the guard.

`GET /openapi.json` describes everything that is asked. Assets are read once, when the application is made; no part of a
request is ever a path.
"""

import asyncio
import mimetypes
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable

import anyio.to_thread
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from corpus.configuration import Configuration
from corpus.errors import ShutterprintError
from examiner.web.browse.data_api import data_routes
from examiner.web.browse.runs_api import run_routes
from examiner.web.examinations import BusyError, Examinations, Examine
from examiner.web.examine_api import examine_routes
from examiner.web.gate.access import COOKIE, SESSION_S, Access, is_signed_in, is_token, session
from examiner.web.gate.guard import Guard, TooLargeError
from examiner.web.gate.metrics import Ended, metrics_routes
from examiner.web.limits import Limits

_SWEEP_EVERY_S = 15.0
_DESCRIPTION = """What photographs show, the data set that this rests on, and the networks trained on it.

Every request that changes something needs the header `X-Shutterprint: 1`. Where the server asks for a token, give it as
`Authorization: Bearer TOKEN`. Answers 429 and 503 say in `Retry-After` when to ask again."""


@dataclass(frozen=True)
class Knows:
    """What the examinations use beside the file, for people."""

    generation: str | None = None
    run: str | None = None


def build(
    examine: Examine,
    configuration: Configuration | None,
    access: Access,
    limits: Limits | None = None,
    knows: Knows | None = None,
) -> Guard:
    """Return the whole application; `configuration`: of the data set and runs, None to examine only."""
    limits, knows = limits or Limits(), knows or Knows()
    answers, ended = Counter[int](), Ended()
    examinations = Examinations(examine, limits, ended=ended.add)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = limits.reading_at_once
        sweeping = asyncio.create_task(_sweep(examinations))
        yield
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
        examinations.close()

    app = FastAPI(
        title="Shutterprint", version=version("shutterprint"), description=_DESCRIPTION, lifespan=lifespan,
        docs_url=None, redoc_url=None, redirect_slashes=False,
    )  # fmt: skip
    _page_routes(app, access, limits, knows, has_data=configuration is not None)
    app.include_router(examine_routes(examinations, limits))
    app.include_router(metrics_routes(answers, examinations, ended))
    if configuration is not None:
        app.include_router(data_routes(configuration))
        app.include_router(run_routes(configuration.store))

    @app.exception_handler(BusyError)
    async def busy(request: Request, error: BusyError) -> Response:
        headers = {"Retry-After": str(error.wait_s), "Connection": "close"}
        return JSONResponse({"detail": str(error)}, 503, headers)

    @app.exception_handler(TooLargeError)
    async def too_large(request: Request, error: TooLargeError) -> Response:
        return JSONResponse({"detail": str(error)}, 413, {"Connection": "close"})

    @app.exception_handler(TimeoutError)
    async def too_slow(request: Request, error: TimeoutError) -> Response:
        return JSONResponse({"detail": "The request came too slowly."}, 408, {"Connection": "close"})

    @app.exception_handler(ShutterprintError)
    async def unusable(request: Request, error: ShutterprintError) -> Response:
        return JSONResponse({"detail": str(error)}, 409)

    return Guard(app, access, limits, answers=answers)


def _page_routes(app: FastAPI, access: Access, limits: Limits, knows: Knows, *, has_data: bool) -> None:
    assets = _assets(files("examiner.web") / "assets")

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return Response(assets["index.html"][0], media_type="text/html; charset=utf-8")

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        return Response(assets["icon.svg"][0], media_type="image/svg+xml")

    @app.get("/assets/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in assets:
            raise HTTPException(404, "There is no such asset.")
        data, kind = assets[name]
        return Response(data, media_type=kind, headers={"Cache-Control": "max-age=0, must-revalidate"})

    @app.get("/api/about", tags=["server"])
    async def about() -> dict[str, object]:
        """Return what this server examines with, its version and its limits."""
        return {
            "version": version("shutterprint"),
            "generation": knows.generation,
            "run": knows.run,
            "data_set": has_data,
            "upload_max_bytes": limits.upload_max_bytes,
            "kept_s": limits.kept_s,
        }

    @app.get("/api/session", tags=["server"])
    async def who(request: Request) -> dict[str, bool]:
        """Return whether a token is needed, and whether this client has given it."""
        return {"needed": access.token is not None, "signed_in": is_signed_in(access, dict(request.headers))}

    @app.post("/api/session", tags=["server"], responses={401: {"description": "The token is wrong."}})
    async def sign_in(request: Request) -> Response:
        """Begin a session: `Authorization: Bearer TOKEN`; the answer sets a cookie that no script can read."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not is_token(access, given):
            raise HTTPException(401, "The token is wrong.")
        answer = JSONResponse({"needed": True, "signed_in": True})
        answer.set_cookie(
            COOKIE, session(access), max_age=SESSION_S, httponly=True, samesite="strict",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        return answer

    @app.delete("/api/session", tags=["server"])
    async def sign_out() -> Response:
        """End a session: the browser drops its cookie."""
        answer = JSONResponse({"needed": access.token is not None, "signed_in": access.token is None})
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer


def _assets(folder: Traversable) -> dict[str, tuple[bytes, str]]:
    """Return the bytes and media type of every file of the page, by name."""
    mimetypes.add_type("text/javascript", ".js")
    return {
        each.name: (each.read_bytes(), mimetypes.guess_type(each.name)[0] or "text/plain")
        for each in folder.iterdir()
        if each.is_file()
    }


async def _sweep(examinations: Examinations) -> None:
    while True:
        await asyncio.sleep(_SWEEP_EVERY_S)
        examinations.sweep()
