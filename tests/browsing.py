"""What tests of pages share: the studio's server in this process, and what a page asked for and complained of."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

MEAN, MOST = 1.0, 3  # grey levels that a picture in the page may be from Python's


@contextlib.contextmanager
def served(runs: Path) -> Iterator[str]:
    """The studio on a folder of runs, in a thread of this process; gives its address."""
    import uvicorn

    from dcgan.studio import launch, server
    from dcgan.studio.library import Library

    with launch.listen("localhost", 0) as sock:
        config = uvicorn.Config(server.application(Library(runs)), log_config=None, timeout_graceful_shutdown=1)
        uvicorn_server = uvicorn.Server(config)
        thread = threading.Thread(target=uvicorn_server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        try:
            yield f"http://localhost:{sock.getsockname()[1]}/"
        finally:
            uvicorn_server.should_exit = True
            thread.join(10)


def same(one: np.ndarray, other: np.ndarray) -> None:
    """Issue 7's measure of the page against `dcgan sample`: 1 grey level on average, 3 at most."""
    apart = np.abs(one.astype(int) - other.astype(int))
    assert apart.mean() <= MEAN
    assert apart.max() <= MOST


class Heard:
    """What a page asked for and complained of."""

    def __init__(self, page: Any):
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on(
            "console",
            lambda message: self.complaints.append(message.text) if message.type == "error" else None,
        )

    def outside(self, *allowed: str) -> list[str]:
        own = (*allowed, "blob:", "data:")
        return [url for url in self.requests if not url.startswith(own)]
