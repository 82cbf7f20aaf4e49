"""Downloads from a loopback server: cut and resumed, wrong, missing, slow, redirected, too large for the disk; and what
the user is told where there is no net.
"""

import contextlib
import gzip
import hashlib
import itertools
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import genuine
from dcgan import data
from dcgan.data import download, published
from dcgan.data.download import Remote, fetch
from dcgan.errors import UserError

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SUM = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT at every path; the path's first part says what goes wrong. `asked` are the requests it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.cuts = iter(())
        self.files: dict[str, bytes] = {}

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        kind = self.path.split("/")[1]
        content = self.server.files.get(self.path, CONTENT)
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and kind != "norange" else 0
        if kind.isdigit():
            self.send_error(int(kind))
            return
        if kind == "redirect":
            self.send_response(302)
            self.send_header("Location", "/plain/x")
            self.end_headers()
            return
        if kind == "wrong":
            content = content[:-1] + bytes([content[-1] ^ 1])
        if kind == "page":
            content = b"<html>sign in first</html>"
        if kind == "short":
            content = content[:-1]
        if kind == "elsewhere" and first:
            first += 1
        self.send_response(206 if first else 200)
        self.send_header("Content-Type", "text/html" if kind == "page" else "application/octet-stream")
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if kind != "unsaid":
            self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        part = content[first:]
        if kind in ("cut", "norange", "elsewhere") and (cut := next(self.server.cuts, None)) is not None:
            self.wfile.write(part[:cut])
            self.connection.shutdown(socket.SHUT_RDWR)
        elif kind == "slow":
            for i in range(0, len(part), 300_000):
                self.wfile.write(part[i : i + 300_000])
                time.sleep(0.02)
        elif kind == "stuck" and (cut := next(self.server.cuts, None)) is not None:
            self.wfile.write(part[:cut])
            time.sleep(1.5)
        elif kind == "endless":
            for _ in range(1000):
                self.wfile.write(part)
        else:
            self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client may go away
            super().handle()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "PAUSES", (0.01, 0.01))
    monkeypatch.setattr(download, "TIMEOUT", 0.5)
    monkeypatch.setenv("no_proxy", "*")
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield one
        one.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DCGAN_DATA", raising=False)
    return tmp_path / "cache"


def remote(server: Server, *kinds: str) -> Remote:
    return Remote("file.bin", len(CONTENT), SUM, tuple(server.url(f"{kind}/file.bin") for kind in kinds))


def fetched(server: Server, folder: Path, *kinds: str) -> list[tuple[str, int, int]]:
    told: list[tuple[str, int, int]] = []
    path = fetch(remote(server, *kinds), folder, lambda *news: told.append(news))
    assert path == folder / "file.bin"
    assert path.read_bytes() == CONTENT
    assert {one.name for one in folder.iterdir()} == {"file.bin", "file.bin.lock"}
    return told


def fails(server: Server, folder: Path, words: str, *kinds: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        fetch(remote(server, *kinds), folder, lambda *news: None, "put it there")
    assert str(caught.value).endswith("; put it there")
    assert not (folder / "file.bin").exists()


def test_whole_with_progress_and_once(server: Server, tmp_path: Path) -> None:
    told = fetched(server, tmp_path / "a", "plain")
    assert told[-1] == ("downloading file.bin", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in told] == sorted({done for _, done, _ in told})
    assert len(told) > 5
    assert fetched(server, tmp_path / "a", "plain") == []
    assert len(server.asked) == 1


def test_resumed_after_cuts(server: Server, tmp_path: Path) -> None:
    server.cuts = iter([1_000_000, 500_000, 0, 700_000])
    fetched(server, tmp_path, "cut")
    places = [int(asked.removeprefix("bytes=").rstrip("-")) for _, asked in server.asked if asked]
    assert len(server.asked) == 5
    assert places == [1_000_000, 1_500_000, 1_500_000, 2_200_000]


def test_resumed_by_another_process(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1234])
    fetched(server, tmp_path, "plain")
    assert server.asked == [("/plain/file.bin", "bytes=1234-")]


def test_what_lay_there_was_wrong(server: Server, tmp_path: Path) -> None:
    """Part of another file is found out by the sum, and fetched anew from the next mirror."""
    (tmp_path / "file.bin.part").write_bytes(b"x" * 1234)
    fetched(server, tmp_path, "plain", "plain")
    assert [asked for _, asked in server.asked] == ["bytes=1234-", None]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "file.bin.part").write_bytes(b"x" * (len(CONTENT) + 1))
    fetched(server, tmp_path / "b", "plain")


def test_a_whole_but_damaged_part_says_nothing_of_the_address(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:-9] + bytes(9))
    fetched(server, tmp_path, "plain")
    assert [asked for _, asked in server.asked] == [None]


def test_a_server_that_cannot_resume(server: Server, tmp_path: Path) -> None:
    server.cuts = iter([1_000_000])
    fetched(server, tmp_path, "norange")
    assert len(server.asked) == 2


def test_a_server_that_goes_on_elsewhere(server: Server, tmp_path: Path) -> None:
    server.cuts = iter([1_000_000])
    fails(server, tmp_path, "continues at another place", "elsewhere")


def test_gives_up_where_nothing_new_comes(server: Server, tmp_path: Path) -> None:
    server.cuts = itertools.repeat(0)
    fails(server, tmp_path, "it cannot be downloaded from http.*cut", "cut")
    assert len(server.asked) == 1 + len(download.PAUSES)


@pytest.mark.parametrize(
    ("kind", "words", "requests"),
    [
        ("wrong", rf"SHA-256 [0-9a-f]{{12}}..., not {SUM[:12]}", 1),
        ("404", "the server answers 404 Not Found", 1),
        ("403", "the server answers 403", 1),
        ("503", "the server answers 503", 3),
        ("page", "a web page in the file's place", 1),
        ("short", "its file has 2999999 bytes, not the 3000000", 1),
    ],
)
def test_fails_in_words(server: Server, tmp_path: Path, kind: str, words: str, requests: int) -> None:
    fails(server, tmp_path, words, kind)
    assert len(server.asked) == requests
    assert not (tmp_path / "file.bin.part").exists()


def test_the_next_mirror(server: Server, tmp_path: Path) -> None:
    fetched(server, tmp_path, "404", "wrong", "page", "plain")
    assert len(server.asked) == 4


def test_redirect(server: Server, tmp_path: Path) -> None:
    fetched(server, tmp_path, "redirect")
    assert [path for path, _ in server.asked] == ["/redirect/file.bin", "/plain/x"]


def test_slow_is_no_error_and_stuck_is_resumed(server: Server, tmp_path: Path) -> None:
    fetched(server, tmp_path / "a", "slow")
    assert len(server.asked) == 1
    server.cuts = iter([2_000_000])
    fetched(server, tmp_path / "b", "stuck")
    assert len(server.asked) == 3
    assert server.asked[-1][1] is not None


def test_length_not_said(server: Server, tmp_path: Path) -> None:
    fetched(server, tmp_path, "unsaid")


def test_more_than_promised_is_not_written(server: Server, tmp_path: Path) -> None:
    small = Remote("file.bin", 1000, hashlib.sha256(CONTENT[:1000]).hexdigest(), (server.url("unsaid/x"),))
    with pytest.raises(UserError, match="sends more than the 1000 bytes"):
        fetch(small, tmp_path, lambda *news: None)
    assert not (tmp_path / "file.bin").exists()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2 * download._PIECE


def test_nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSES", (0.01,))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/x"
    with pytest.raises(UserError, match=r"file.bin: it cannot be downloaded from http://127.0.0.1:\d+/x \(.*refused"):
        fetch(Remote("file.bin", 5, SUM, (url,)), tmp_path, lambda *news: None)


def test_two_at_once_fetch_once(server: Server, tmp_path: Path) -> None:
    threads = [threading.Thread(target=fetched, args=(server, tmp_path, "slow")) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may mount a small file system")
def test_disk_full(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = tmp_path / "small"
    where.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", where]).returncode
    ):
        pytest.skip("no right to mount a small file system")
    try:
        monkeypatch.setenv("DCGAN_CACHE", str(where))
        with pytest.raises(UserError, match=r"file.bin, 3 MB to download, needs 3 MB and 1.04 MB are free"):
            fetch(remote(server, "plain"), where / "downloads", lambda *news: None)
        assert server.asked == []
        monkeypatch.setattr("dcgan.data.cache.check_space", lambda *_: None)
        with pytest.raises(UserError, match="the disk is full"):
            fetch(remote(server, "plain", "plain"), where / "downloads", lambda *news: None)
        assert len(server.asked) == 1
        assert not (where / "downloads" / "file.bin").exists()
    finally:
        subprocess.run(["umount", where], check=True)


def test_a_name_is_fetched_prepared_and_found_again(
    server: Server, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = genuine.pictures(20, 28, 28, 1), np.arange(20) % 10
    genuine.mnist(tmp_path / "theirs", images, labels, packed=True)
    for path in (tmp_path / "theirs").iterdir():
        content = path.read_bytes()
        server.files[f"/mirror/{path.name}"] = content
        known = Remote(
            path.name, len(content), hashlib.sha256(content).hexdigest(), (server.url(f"mirror/{path.name}"),)
        )
        monkeypatch.setitem(published.REMOTES, ("mnist", path.name), known)
    found = data.open("mnist")
    assert np.array_equal(found.images, images)
    assert found.name == "mnist"
    assert sorted(path.name for path in (home / "downloads" / "mnist").iterdir() if path.suffix == ".gz") == [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]
    assert data.open("mnist").fingerprint == found.fingerprint
    assert len(server.asked) == 2
    assert gzip.decompress((home / "downloads/mnist/train-labels-idx1-ubyte.gz").read_bytes())[8:] == bytes(
        labels.tolist()
    )


@pytest.mark.parametrize("name", list(published.SETS))
def test_offline_the_error_names_address_place_and_built_in_pictures(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(download, "PAUSES", ())
    monkeypatch.setattr("urllib.request.urlopen", offline)
    monkeypatch.setattr("dcgan.data.cache.check_space", lambda *_: None)
    for part, known in published.SETS[name].items():
        with pytest.raises(UserError) as caught:
            data.open(f"{name}:{part}")
        told = str(caught.value)
        for word in (*published.REMOTES[name, known.files[0]].urls, str(home / "downloads" / name), known.files[0],
                     "faces, rooms, numbers", "$DCGAN_DATA"):  # fmt: skip
            assert word in told, told
        assert "\n" not in told


def test_sums_look_like_sums() -> None:
    for remote in published.REMOTES.values():
        assert len(remote.sha256) == 64
        int(remote.sha256, 16)
        assert remote.size > 4000
        assert all(url.startswith(("https://", "http://")) for url in remote.urls)
    assert len({remote.sha256 for remote in published.REMOTES.values()}) == len(published.REMOTES)
    assert {
        (name, file) for name, parts in published.SETS.items() for part in parts.values() for file in part.files
    } == set(published.REMOTES)
