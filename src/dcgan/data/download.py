"""One file from the net: resumed where it was cut, from the next mirror where one fails, checked by size and SHA-256,
and given its name only when it is whole and right.
"""

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dcgan.errors import UserError

from . import cache

TIMEOUT = 30.0  # s without a byte
PAUSES = (1.0, 3.0, 10.0)  # s between attempts that bring nothing new; after the last the next mirror is tried
_PIECE = 1 << 18


@dataclass(frozen=True)
class Remote:
    """A file as its makers publish it: the sum is the maker's file's, wherever it is fetched from."""

    name: str
    size: int
    sha256: str
    urls: tuple[str, ...]


class _Failed(Exception):
    """This address does not give the file."""


def fetch(remote: Remote, folder: Path, report: Callable[[str, int, int], None], instead: str = "") -> Path:
    """The file's place in `folder`, after fetching it if it is not there. `instead`: what else a person can do."""
    target, part = folder / remote.name, folder / f"{remote.name}.part"
    lock = folder / f"{remote.name}.lock"
    if target.exists():  # also where nobody may write
        return target
    with cache.turn(lock, lambda: report(f"waiting for another process that fetches {remote.name}", 0, remote.size)):
        if target.exists():
            return target
        held = part.stat().st_size if part.exists() else 0
        cache.check_space(remote.size - held, f"{remote.name}, {cache.size(remote.size)} to download,", folder)
        failures = []
        for url in remote.urls:
            try:
                with cache.writing(folder):
                    if part.exists() and part.stat().st_size >= remote.size and _sum(part) != remote.sha256:
                        part.unlink()  # damaged before this time: that says nothing of the address
                    _bring(url, remote, part, report)
                    if (found := _sum(part)) != remote.sha256:
                        part.unlink()
                        raise _Failed(f"what it sends has SHA-256 {found[:12]}..., not {remote.sha256[:12]}...")
                    os.replace(part, target)
                    cache.sync_folder(folder)
                return target
            except _Failed as failure:
                failures.append(f"{url} ({failure})")
    raise UserError(
        f"{remote.name}: it cannot be downloaded from {' nor from '.join(failures)}; {instead or 'try later'}"
    )


def _bring(url: str, remote: Remote, part: Path, report: Callable[[str, int, int], None]) -> None:
    """Fill `part` up to the file's size, in as many attempts as bring something new, and a few that do not."""
    idle = 0
    while (before := part.stat().st_size if part.exists() else 0) < remote.size:
        try:
            _attempt(url, remote, part, before, report)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (408, 425, 429) or error.code >= 500:
                why = f"the server answers {error.code} {error.reason}"
            elif error.code == 416 and before:  # it knows no such place in the file: begin anew
                part.unlink()
                continue
            else:
                raise _Failed(f"the server answers {error.code} {error.reason}") from None
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.filename is not None:
                raise  # not the net, but our own disk
            why = str(getattr(error, "reason", "") or error) or type(error).__name__
        else:
            why = "the connection was cut"
        if part.exists() and part.stat().st_size > before:
            idle = 0
        elif idle == len(PAUSES):
            raise _Failed(why)
        else:
            time.sleep(PAUSES[idle])
            idle += 1


def _attempt(url: str, remote: Remote, part: Path, held: int, report: Callable[[str, int, int], None]) -> None:
    headers = {"User-Agent": "dcgan", "Accept-Encoding": "identity"}
    if held:
        headers["Range"] = f"bytes={held}-"
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as answer:
        if answer.headers.get_content_type() == "text/html":
            raise _Failed("it sends a web page in the file's place")
        continued = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {held}-")
        if held and answer.status == 206 and not continued:
            raise _Failed("the server continues at another place than it was asked to")
        done = held if continued else 0
        length = answer.headers.get("Content-Length")
        if length is not None and done + int(length) != remote.size:
            raise _Failed(f"its file has {done + int(length)} bytes, not the {remote.size} of the published one")
        with _opened(part, "ab" if continued else "wb") as file:
            while data := answer.read(min(_PIECE, remote.size - done + 1)):
                done += len(data)
                if done > remote.size:
                    raise _Failed(f"it sends more than the {remote.size} bytes of the published one")
                _put(file, data, part)
                report(f"downloading {remote.name}", done, remote.size)


def _opened(part: Path, mode: str):
    return open(part, mode, buffering=0)


def _put(file, data: bytes, part: Path) -> None:
    """Write, and tell an error of the disk from one of the net by the file's name."""
    try:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(part)) from None


def _sum(part: Path) -> str:
    """Its SHA-256, once it is surely on disk."""
    with open(part, "rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()
