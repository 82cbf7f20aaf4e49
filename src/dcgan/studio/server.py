"""The studio's application: the page, the runs, the live line, put together behind the guard.

GET  /api/runs                           all runs in brief
GET  /api/sample?run=NAME&step=N&v=...   the sample sheet of a step, PNG
GET  /api/file?run=NAME&what=timelapse   the animation, or the losses' figure, that a run ends with
POST /api/stop      {"run": NAME}        have its training save and end
POST /api/continue  {"run": NAME, "steps": N or null}
WS   /api/live                           live.py
GET  /...                                the page
"""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.studio import explore
from dcgan.studio.control import Trainings, stop
from dcgan.studio.guard import Guard, TooLarge
from dcgan.studio.library import Library, Refused
from dcgan.studio.live import Watch, live

STATIC = Path(__file__).parent / "static"
KEEP = "private, max-age=31536000, immutable"  # of what has another address when it is another
MOST_STEPS = 10**12


def application(library: Library, host: str = "localhost", token: str | None = None, page: Path = STATIC) -> ASGIApp:
    """All of the studio for one folder. Errors that a person can mend come as {"error": sentence}, status 400."""
    trainings = Trainings()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        yield
        await anyio.to_thread.run_sync(trainings.end)

    app = Starlette(
        routes=[
            Mount(
                "/api",
                routes=[
                    Route("/runs", _runs),
                    Route("/sample", _sample),
                    Route("/file", _file),
                    Route("/stop", _stop, methods=["POST"]),
                    Route("/continue", _continue, methods=["POST"]),
                    WebSocketRoute("/live", live),
                    *explore.routes(library),
                ],
            ),
            Mount("/", Page(directory=page, html=True)),
        ],
        exception_handlers={
            UserError: _said(400),
            Refused: _said(404, "there is no such thing here"),
            TooLarge: _said(413, "that is too large"),
            HTTPException: _http,
        },
        lifespan=lifespan,
    )
    app.state.library, app.state.trainings, app.state.watch = library, trainings, Watch(library, trainings)
    return Guard(app, host, token)


# Plain functions run in a thread of their own: they wait for the disk.


def _runs(request: Request) -> Response:
    watch = request.app.state.watch
    return JSONResponse({"runs": watch.briefs(), "folder": str(watch.library.path)})


def _sample(request: Request) -> Response:
    folder = _run(request, request.query_params.get("run"))
    step = request.query_params.get("step", "")
    if not (step.isascii() and step.isdigit() and len(step) <= 13):
        raise Refused(step)
    content = request.app.state.library.read(folder.sample_file(int(step)))
    # `v` is when it was written: the same step can be drawn anew, and then has another address.
    kept = {"cache-control": KEEP} if "v" in request.query_params else {}
    return Response(content, media_type="image/png", headers=kept)


def _file(request: Request) -> Response:
    folder = _run(request, request.query_params.get("run"))
    known = {
        "timelapse": [(folder.timelapse_file(kind), f"image/{kind}") for kind in ("webp", "gif")],
        "losses": [(folder.losses_file, "image/png")],
    }
    for path, kind in known.get(request.query_params.get("what", ""), []):
        if path.is_file():
            name = f"{''.join(c if c.isalnum() else '-' for c in folder.path.name)[:80]}-{path.name}"
            said = {"content-disposition": f'attachment; filename="{name.encode("ascii", "ignore").decode()}"'}
            return Response(request.app.state.library.read(path), media_type=kind, headers=said)
    raise Refused


async def _stop(request: Request) -> Response:
    folder = _run(request, (await _asked(request)).get("run"))
    await anyio.to_thread.run_sync(stop, folder)
    return JSONResponse({})


async def _continue(request: Request) -> Response:
    asked = await _asked(request)
    folder, steps = _run(request, asked.get("run")), asked.get("steps")
    if steps is not None and (not isinstance(steps, int) or isinstance(steps, bool) or not 1 <= steps <= MOST_STEPS):
        raise UserError(f"steps {str(steps)[:50]}: it must be a whole number of 1 or more")
    await anyio.to_thread.run_sync(request.app.state.trainings.go_on, folder, steps)
    return JSONResponse({})


def _run(request: Request, name: Any) -> Folder:
    if not isinstance(name, str):
        raise Refused
    return request.app.state.library.run(name)


async def _asked(request: Request) -> dict[str, Any]:
    """A JSON object, sent as such: which a form of another site cannot do without being asked first."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    try:
        held = json.loads(await request.body())
    except (ValueError, RecursionError):
        held = None
    if kind != "application/json" or not isinstance(held, dict):
        raise HTTPException(400, "a JSON object is wanted")
    return held


class Page(StaticFiles):
    """The built files. The names of most change with their content, so that a browser may keep them."""

    def file_response(self, full_path: Any, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(full_path, *args, **kwargs)
        response.headers["cache-control"] = KEEP if Path(full_path).parent.name == "assets" else "no-cache"
        return response


def _said(status: int, words: str | None = None) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handler(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": words or str(error)}, status)

    return handler


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)
