"""Runs API: trainings, their figures, and the pages that they have published."""

from typing import Any

from fastapi import APIRouter, HTTPException, Response

from corpus.storage import Store
from examiner.web.browse import runs as stored
from examiner.web.browse.runs import UnknownRunError
from examiner.web.gate.headers import STORED_PAGE


def run_routes(store: Store) -> APIRouter:
    """Return what is asked about runs; each is read in a thread."""
    routes = APIRouter(prefix="/api/runs", tags=["runs"], responses={404: {"description": "There is no such run."}})

    @routes.get("")
    def runs() -> list[dict[str, Any]]:
        """Return all runs, the newest first."""
        return stored.runs(store)

    @routes.get("/{run}")
    def run(run: str) -> dict[str, Any]:
        """Return a run's figures and curves."""
        try:
            return stored.run(store, run)
        except UnknownRunError as error:
            raise HTTPException(404, str(error)) from error

    @routes.get("/{run}/pages/{page}", response_class=Response)
    def page(run: str, page: str) -> Response:
        """Return one of a run's published pages: a site of its own for the browser, which runs no script."""
        try:
            html = stored.page(store, run, page)
        except UnknownRunError as error:
            raise HTTPException(404, str(error)) from error
        return Response(html, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": STORED_PAGE})

    return routes
