"""`dcgan studio`: an address, a port, a browser; and beside a training that starts.

`serve` runs until Ctrl-C. It listens on this machine alone unless told otherwise. `Beside` runs it in a process of its
own while this one trains: the trainer knows nothing of it.
"""

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.studio.library import Library

PORT = 8421  # the first that is tried; where it is taken, one of the next
TRIED = 20
RUNS = Path("runs")
SHORTEST = 16  # characters of a token


def check() -> None:
    """What the studio needs and a plain install may not have, said in a sentence."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError as error:
        raise UserError(f'studio: {error.name} is not installed; pip install "dcgan[studio]" brings it') from None
    from dcgan.studio.server import STATIC

    if not (STATIC / "index.html").is_file():
        raise UserError(
            f"studio: its page is not built ({STATIC} is empty), since node and npm were not there when this package "
            "was made; install Node.js 20.19 or newer and run python tools/page.py in the source, or install a wheel"
        )


def check_path(path: Path) -> None:
    """Whether runs can be there; those of the usual place may still come."""
    try:
        if path.is_dir() or (path == RUNS and not os.path.lexists(path)):
            return
        what = "it is a file; give a run's folder, or a folder of runs" if path.exists() else "there is no such folder"
    except OSError as error:
        what = f"it cannot be read ({error.strerror})"
    raise UserError(f"{path}: {what}; `dcgan runs` lists the runs under runs/")


def serve(
    path: Path,
    *,
    host: str = "localhost",
    port: int | None = None,
    token: str | None = None,
    browser: bool = True,
    say: Callable[[str], None] | None = None,
) -> None:
    """Serve the runs at `path` until Ctrl-C or SIGTERM."""
    check()
    say = say or Console().say  # at once, in a pipe too
    import uvicorn

    from dcgan.studio import guard, server

    if token is not None and len(token) < SHORTEST:
        raise UserError(f"--token: it must have {SHORTEST} characters or more; leave it out, and one is made")
    if token is None and not guard.is_loopback(host):
        token = guard.new_token()
    library = Library(path)  # what is not there yet may come: the run that is just starting
    with listen(host, port) as sock:
        address = _address(host, sock.getsockname()[1], token)
        config = uvicorn.Config(
            server.application(library, host, token),
            log_config=None,
            access_log=False,  # which would hold the token
            server_header=False,
            proxy_headers=False,
            ws_max_size=64 * 1024,
            limit_concurrency=256,
            timeout_graceful_shutdown=2,
        )
        say(f"the studio is at {address} (Ctrl-C ends it)")
        if browser and _has_browser():
            threading.Timer(0.5, webbrowser.open, [address]).start()
        _end_with_its_terminal()
        with contextlib.suppress(KeyboardInterrupt):  # which uvicorn, having ended in order, raises again
            uvicorn.Server(config).run(sockets=[sock])


def _end_with_its_terminal() -> None:
    """In order, as SIGTERM does; one under nohup stays."""
    if threading.current_thread() is not threading.main_thread() or os.name != "posix":
        return
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


class Beside:
    """A studio on the run that is about to start; `stay` when it has ended."""

    def __init__(self, path: Path, say: Callable[[str], None]):
        check()
        self.say = say
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe(duplex=False)
        self._process = spawn.Process(target=_apart, args=(path, theirs), daemon=True)
        self._process.start()
        theirs.close()
        try:
            said = ours.recv()  # its address, or why there is none
        except EOFError:
            said = UserError("studio: it did not start; train without --studio, and open it with: dcgan studio")
        if isinstance(said, UserError):
            raise said
        say(said)

    def stay(self, stopped: int) -> None:
        """Open until Ctrl-C, whether the training came to its end or was stopped from the page."""
        if stopped != signal.SIGINT:
            self.say("the studio stays open; Ctrl-C ends it")
            with contextlib.suppress(KeyboardInterrupt):
                self._process.join()
        self.end()

    def end(self) -> None:
        self._process.terminate()
        self._process.join()


def _apart(path: Path, tell: Connection) -> None:
    def follow() -> None:  # where the trainer was killed, nobody would end us
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()
    try:
        serve(path, say=tell.send)
    except UserError as error:
        tell.send(error)


def listen(host: str, port: int | None) -> socket.socket:
    """A socket on that port; without one, on the first free of a few, so that bookmarks tend to hold."""
    if port is not None and not 0 <= port <= 65535:
        raise UserError(f"--port {port}: ports go from 0 to 65535; leave it out, and a free one is found")
    tried, why = range(PORT, PORT + TRIED) if port is None else [port], ""
    for number in tried:
        try:
            family, kind, protocol, _, where = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        except (socket.gaierror, UnicodeError):
            raise UserError(
                f"--host {host}: this machine has no such address; leave it out for this machine alone"
            ) from None
        sock = socket.socket(family, kind, protocol)
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(where)
            sock.listen(128)  # so that the address answers as soon as it is told
            return sock
        except OSError as error:
            sock.close()
            why = error.strerror or str(error)
    if port is None:
        raise UserError(f"studio: ports {PORT} to {PORT + TRIED - 1} cannot be had ({why}); choose one with --port")
    raise UserError(f"--port {port}: it cannot be had at {host} ({why}); choose another, or leave it out")


def _address(host: str, port: int, token: str | None) -> str:
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/" + (f"?token={token}" if token else "")


def _has_browser() -> bool:
    """Whether a window could open: not over ssh, nor in a container, where one in the terminal might."""
    return (
        os.name == "nt"
        or sys.platform == "darwin"
        or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    )
