"""The studio's application: the page, the runs, the live line, put together behind the guard."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from dcgan.errors import UserError
from dcgan.studio import explore
from dcgan.studio.guard import Guard, TooLarge
from dcgan.studio.library import Library, Refused

STATIC = Path(__file__).parent / "static"


def application(library: Library, host: str = "localhost", token: str | None = None) -> ASGIApp:
    """All of the studio for one folder. Errors that a person can mend come as {"error": sentence}, status 400."""
    app = Starlette(
        routes=[
            Route("/", _index),
            Mount("/api", routes=explore.routes(library)),
            Mount("/", Page(directory=STATIC)),
        ],
        exception_handlers={
            UserError: _said(400),
            Refused: _said(404, "there is no such thing here"),
            TooLarge: _said(413, "that is too large"),
            HTTPException: _http,
        },
    )
    return Guard(app, host, token)


async def _index(request: Request) -> Response:
    return Response((STATIC / "index.html").read_bytes(), media_type="text/html")


class Page(StaticFiles):
    """The built files. Their names change with their content, so a browser may keep them."""

    def file_response(self, *args, **kwargs) -> Response:  # pyrefly: ignore[bad-override]
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "private, max-age=31536000, immutable"
        return response


def _said(status: int, words: str | None = None) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handler(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": words or str(error)}, status)

    return handler


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)
