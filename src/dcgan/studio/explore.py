"""What the Explore half of the page asks of Python: the generator to run in the browser, and what needs D, the data or
training. Pictures come as their pixels (uint8 [H, W, C], exactly so many bytes), files as they are.

GET  /api/explore/runs                       what can be explored
GET  /api/explore/about?run=NAME             size, classes, layers, #names
GET  /api/explore/generator?run=NAME&step=N  ONNX, with every hidden map and a gate for each
GET  /api/explore/directions?run=NAME        the strongest ones, kept in the run as #names
POST /api/explore/points?run&name&words      keep a point as a #name
POST /api/explore/opinion?run&label          D's score, and guided backprop of it
POST /api/explore/nearest?run                the nearest training pictures
POST /api/explore/maps?run&label             D's maps
POST /api/explore/invert?run&name            a picture's file becomes a #name
POST /api/explore/step?run&session&what      one update of Algorithm 1
"""

from collections.abc import Callable
from typing import Any

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dcgan.errors import UserError
from dcgan.studio.library import Library, Refused

BYTES = "application/octet-stream"  # which a form of another site cannot send without being asked first


def routes(library: Library) -> list[BaseRoute]:
    from dcgan.studio.workbench import Workbench

    bench = Workbench(library)

    def asked(answer: Callable[[Request], Any]) -> Callable:
        async def handler(request: Request) -> Response:
            made = await anyio.to_thread.run_sync(answer, request)
            return made if isinstance(made, Response) else JSONResponse(made)

        return handler

    def sent(answer: Callable[[Request, bytes], Any]) -> Callable:
        async def handler(request: Request) -> Response:
            if request.headers.get("content-type", "").partition(";")[0].strip() != BYTES:
                raise HTTPException(415, f"{BYTES} is wanted")
            content = await request.body()
            return JSONResponse(await anyio.to_thread.run_sync(answer, request, content))

        return handler

    gets: dict[str, Callable[[Request], Any]] = {
        "runs": lambda request: bench.runs(),
        "about": lambda request: bench.about(_word(request, "run")),
        "generator": lambda request: Response(
            bench.generator(_word(request, "run"), _number(request, "step") or 0), media_type=BYTES
        ),
        "directions": lambda request: bench.directions(_word(request, "run")),
    }
    posts: dict[str, Callable[[Request, bytes], Any]] = {
        "points": lambda request, _: bench.save(*(_word(request, name) for name in ("run", "name", "words"))),
        "opinion": lambda request, sent: bench.opinion(_word(request, "run"), sent, _number(request, "label")),
        "nearest": lambda request, sent: bench.nearest(_word(request, "run"), sent),
        "maps": lambda request, sent: bench.maps(_word(request, "run"), sent, _number(request, "label")),
        "invert": lambda request, sent: bench.invert(_word(request, "run"), sent, _word(request, "name")),
        "step": lambda request, _: bench.step(*(_word(request, name) for name in ("run", "session", "what"))),
    }
    return [
        *(Route(f"/explore/{path}", asked(answer)) for path, answer in gets.items()),
        *(Route(f"/explore/{path}", sent(answer), methods=["POST"]) for path, answer in posts.items()),
    ]


def _word(request: Request, name: str) -> str:
    word = request.query_params.get(name)
    if word is None:
        raise Refused(name)
    return word


def _number(request: Request, name: str) -> int | None:
    word = request.query_params.get(name)
    if word is None:
        return None
    if not (word.isascii() and word.isdigit() and len(word) < 13):
        raise UserError(f"{name} {word[:50]}: it must be a whole number")
    return int(word)
