"""Serves the built pages from the application's own origin, so that the browser needs no CORS."""

from pathlib import Path

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from backend.utils.security import page_headers
from sealring.errors import NotFound

# Addresses of the interface: a browser that walks to one of them gets an error, not a page.
_INTERFACE = ("/api/", "/auth/", "/.well-known/", "/oauth/")

_NOT_BUILT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Todo</title>
<h1>The pages are not built yet</h1>
<p>Run <code>make build</code> in the repository, then start the application again. The interface under
<code>/api</code> and <code>/auth</code> works already.</p>
</html>
"""


def frontend_router(directory: Path) -> APIRouter:
    """Return the routes that serve the pages; they match only what no other route does.

    A navigation to an unknown address gets ``index.html``, so that the pages' own routes survive a reload.

    Args:
        directory: with ``index.html``; when it is missing, ``/`` says in one sentence what to do.
    """
    if not (directory / "index.html").is_file():
        return _notice()
    router = APIRouter(dependencies=[Depends(_rules)])
    router.frontend("/", directory=directory, fallback="index.html", check_dir=True)
    return router


def _rules(request: Request, response: Response) -> None:
    path = request.url.path
    if f"{path}/".startswith(_INTERFACE):
        raise NotFound("no such address of the interface")
    response.headers.update(page_headers(path))


def _notice() -> APIRouter:
    router = APIRouter()

    @router.get("/", include_in_schema=False)
    async def notice() -> HTMLResponse:
        return HTMLResponse(_NOT_BUILT, status_code=503, headers={"Cache-Control": "no-store"})

    return router
