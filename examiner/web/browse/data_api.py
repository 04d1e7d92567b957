"""Data API: generations, their figures and photographs, one photograph explained, two generations compared."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, HTTPException, Query, Response

from corpus.configuration import Configuration
from examiner.web.browse import data_set
from examiner.web.browse.data_set import UnknownError

T = TypeVar("T")
Text = Annotated[str, Query(max_length=500)]
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "There is nothing of this name."}}


def data_routes(configuration: Configuration) -> APIRouter:
    """Return what is asked about the data set; each is read in a thread."""
    routes = APIRouter(prefix="/api", tags=["data set"], responses=_UNKNOWN)
    store = configuration.store

    @routes.get("/generations")
    def generations() -> list[dict[str, Any]]:
        """Return all generations, the newest first."""
        return data_set.generations(store)

    @routes.get("/reasons")
    def reasons() -> dict[str, str]:
        """Return the sentence of each reason."""
        return data_set.reasons()

    @routes.get("/differences")
    def differences(before: Text, after: Text) -> dict[str, Any]:
        """Return what changed from one generation to another."""
        return _found(lambda: data_set.compared(store, before, after))

    @routes.get("/generations/{generation}")
    def figures(generation: str) -> dict[str, Any]:
        """Return a generation's figures: funnel, cameras, sources, licences, leaks."""
        return _found(lambda: data_set.figures(store, generation))

    @routes.get("/generations/{generation}/photographs")
    def photographs(
        generation: str, camera: Text | None = None, reason: Text | None = None, after: Text = ""
    ) -> dict[str, Any]:
        """Return a page of photographs, by camera and reason (`kept`: those that are kept)."""
        return _found(lambda: data_set.photographs(store, generation, camera=camera, reason=reason, after=after))

    @routes.get("/generations/{generation}/thumbnail", response_class=Response)
    def thumbnail(generation: str, photo: Text, version: Text = "") -> Response:
        """Return a photograph's thumbnail."""
        drawn = _found(lambda: data_set.small_picture(store, generation, photo, version))
        return Response(drawn, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})

    @routes.get("/generations/{generation}/explanation")
    def explanation(generation: str, photo: Text, version: Text = "") -> dict[str, Any]:
        """Return the evidence about one photograph, its verdict, and the value behind each reason."""
        return _found(lambda: data_set.explained(configuration, generation, photo, version))

    return routes


def _found(read: Callable[[], T]) -> T:
    try:
        return read()
    except UnknownError as error:
        raise HTTPException(404, str(error)) from error
