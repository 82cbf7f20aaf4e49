"""Child processes: to use every core, and to keep what may die or swell (a damaged file's parser) out of this one.

A child is a fresh interpreter that runs `serve()`: functions of `dcgan.data`, called by name over a pipe (wire.py).
Nothing is forked, so torch's threads cannot deadlock it, and the caller's `__main__` is not run again, so a script
needs no `if __name__ == "__main__"`. A child ends when its pipe closes: none outlives a killed parent.
"""

import contextlib
import importlib
import inspect
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from dcgan.errors import UserError

from . import wire

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from dcgan.data.children import serve; serve()"
_GIB = 2**30


class Died(Exception):
    """The child ended before it answered; the text says how."""


class Child:
    """One child. `memory` bounds what it may allocate (bytes, Linux); `timeout` the wait for one answer (s)."""

    def __init__(self, memory: int | None = 4 * _GIB, timeout: float = 600):
        self.memory, self.timeout = memory, timeout
        options: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}  # Ctrl-C is ours to handle
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START, json.dumps(sys.path), str(memory or 0)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=1 << 20,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            **options,
        )

    def call(self, function: str, *arguments: Any) -> Any:
        """`call("decode:block", ...)` runs dcgan.data.decode.block(...) there; UserError passes through."""
        return self._answer({"call": function, "arguments": arguments})

    def iterate(self, function: str, *arguments: Any) -> Iterator[Any]:
        """The same for a generator: it runs ahead of us only as far as the pipe holds."""
        item = self._answer({"call": function, "arguments": arguments})
        while item is not None:
            yield item
            item = self._answer(None)

    def close(self) -> None:
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        self.process.wait()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, question: Any) -> Any:
        watch = threading.Timer(self.timeout, self.process.kill)
        watch.daemon = True
        watch.start()
        try:
            wire.send(self.process.stdin, question)  # type: ignore[arg-type]
            answer = wire.receive(self.process.stdout)  # type: ignore[arg-type]
        except (EOFError, OSError, ValueError) as error:
            late = watch.finished.is_set()
            self.close()
            raise Died(f"gave no answer in {self.timeout:g} s" if late else _ending(self.process.returncode)) from error
        finally:
            watch.cancel()
        if "refused" in answer:
            raise UserError(answer["refused"])
        if "failed" in answer:
            raise RuntimeError(f"in a child process:\n{answer['failed']}")
        return answer["value"]


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool:
    """Some children that share the work; with no workers, everything is done here (for tests)."""

    def __init__(self, workers: int):
        self._local = threading.local()
        self._children: list[Child] = []
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="pool") if workers else None
        self._ahead = 2 * workers
        self._end = weakref.finalize(self, _shut, self._threads, self._children)

    def submit(self, function: str, *arguments: Any) -> "Future[Any]":
        """The answer to come. If the child dies over it, the answer is the Died itself, and the next call gets a new
        child."""
        if self._threads is not None:
            return self._threads.submit(_ask, self._local, self._children, function, arguments)
        done: Future[Any] = Future()
        done.set_result(_found(function)(*arguments))
        return done

    def ordered(self, function: str, tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """function(*task) for each task; answers in the order of the tasks, few of them held."""
        pending: deque[Future[Any]] = deque()
        try:
            for task in tasks:
                pending.append(self.submit(function, *task))
                if len(pending) > self._ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()

    def close(self) -> None:
        self._end()

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _ask(local: threading.local, started: list[Child], function: str, arguments: tuple[Any, ...]) -> Any:
    """In one of a pool's threads, which has a child of its own. (No thread holds the pool: that ends with its user.)"""
    if getattr(local, "child", None) is None:
        local.child = Child()
        started.append(local.child)
    try:
        return local.child.call(function, *arguments)
    except Died as death:
        started.remove(local.child)
        local.child = None
        return death


def _shut(threads: ThreadPoolExecutor | None, started: list[Child]) -> None:
    if threads is not None:
        threads.shutdown(wait=False, cancel_futures=True)
        for child in started:
            child.process.kill()  # what a thread waits for does not come any more
        with contextlib.suppress(RuntimeError):  # the garbage collector may have called us in one of these threads
            threads.shutdown()
    for child in started:
        child.close()


def _found(function: str) -> Callable[..., Any]:
    """What a name like decode:block stands for."""
    module, name = function.split(":")
    return getattr(importlib.import_module(f"dcgan.data.{module}"), name)


def serve() -> None:
    """The child's side: answer calls until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asked = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what native code prints must not come between the messages
    if os.name == "nt":
        import msvcrt

        msvcrt.setmode(answers.fileno(), os.O_BINARY)  # type: ignore[attr-defined]
    _limit(int(sys.argv[2]))
    running: Iterator[Any] | None = None
    while True:
        try:
            question = wire.receive(asked)
        except EOFError:
            os._exit(0)  # no clean-up of native libraries: nothing here is worth a hang
        try:
            if question is None:
                value = next(running, None) if running is not None else None
            else:
                value = _found(question["call"])(*question["arguments"])
                if inspect.isgenerator(value):
                    running = value
                    value = next(running, None)
            answer = {"value": value}
        except UserError as error:
            answer = {"refused": str(error)}
        except MemoryError:
            answer = {
                "refused": f"it needs more than the {int(sys.argv[2]) / _GIB:.3g} GiB of memory a reader may take"
            }
        except Exception:
            answer = {"failed": traceback.format_exc()}
        try:
            wire.send(answers, answer)
        except BrokenPipeError:
            os._exit(0)


def _limit(memory: int) -> None:
    """Bound anonymous memory: RLIMIT_DATA, not RLIMIT_AS, so that mapping a large file (lmdb) stays free."""
    if memory and sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
