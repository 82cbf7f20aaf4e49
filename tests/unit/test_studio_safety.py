"""The studio is safe: a test or more for each sentence of issue 7 under "Safe"."""

import asyncio
import os
import re
import socket
from pathlib import Path
from urllib.parse import quote

import pytest

pytest.importorskip("starlette", reason="the extra `studio` is not installed")

from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from dcgan.errors import UserError
from dcgan.studio import guard, launch, server
from dcgan.studio.library import Library, Refused

HERE = "http://localhost:8421"
TOKEN = "open-sesame-open-sesame"


@pytest.fixture
def page(tmp_path):
    """Stands for the built page."""
    (tmp_path / "page" / "assets").mkdir(parents=True)
    (tmp_path / "page" / "index.html").write_text("<!doctype html>the page")
    (tmp_path / "page" / "assets" / "app-1.js").write_text("1")
    return tmp_path / "page"


@pytest.fixture
def runs(tmp_path, trained):
    """A named folder with one run, and a secret beside it."""
    (tmp_path / "runs").mkdir()
    copy(trained, tmp_path / "runs" / "one")
    (tmp_path / "secret.png").write_bytes(b"secret")
    copy(trained, tmp_path / "elsewhere")
    return tmp_path / "runs"


def copy(run: Path, to: Path) -> None:
    for file in (
        "config.json",
        "log.jsonl",
        "samples/000000.png",
        "samples/000010.png",
        "checkpoints/last.safetensors",
    ):
        (to / file).parent.mkdir(parents=True, exist_ok=True)
        (to / file).write_bytes((run / file).read_bytes())


@pytest.fixture
def client(runs, page):
    return TestClient(server.application(Library(runs), page=page), base_url=HERE)


@pytest.fixture
def others(runs, page):
    """As one that others can reach, with a token."""
    app = server.application(Library(runs), "0.0.0.0", TOKEN, page)
    return TestClient(app, base_url="http://192.0.2.7:8421", follow_redirects=False)


def live(client, **headers):
    address = str(client.base_url).replace("http", "ws", 1).rstrip("/")  # else it is of a host of the client's own
    return client.websocket_connect(f"{address}/api/live", headers=headers)


def refused_socket(client, **headers):
    """The code that a websocket's request is answered with; None if it was let in."""
    try:
        with live(client, **headers):
            return None
    except WebSocketDenialResponse as denied:
        return denied.status_code
    except WebSocketDisconnect as gone:
        return gone.code


# Listens on loopback only unless told; with another address a token is needed


def test_it_listens_on_this_machine_alone():
    with launch.listen("localhost", 0) as sock:
        assert sock.getsockname()[0] in ("127.0.0.1", "::1")
    import inspect

    assert inspect.signature(launch.serve).parameters["host"].default == "localhost"


@pytest.mark.parametrize(
    ("host", "alone"),
    [("localhost", True), ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.5", False), ("", False), ("localhost.example.org", False), ("my-machine", False)],
)  # fmt: skip
def test_which_addresses_are_loopback(host, alone):
    assert guard.is_loopback(host) is alone


def test_without_a_token_no_other_address_is_served(runs, page):
    for host in ("0.0.0.0", "192.0.2.7"):
        with pytest.raises(AssertionError, match="needs a token"):
            server.application(Library(runs), host, None, page)


def test_for_another_address_a_token_is_made(runs, page, monkeypatch):
    import uvicorn

    monkeypatch.setattr(server, "STATIC", page)
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
    said = []
    launch.serve(runs, host="0.0.0.0", port=0, browser=False, say=said.append)
    launch.serve(runs, host="0.0.0.0", port=0, browser=False, say=said.append)
    tokens = [re.search(r"\?token=([\w-]{32}) ", line)[1] for line in said]
    assert tokens[0] != tokens[1]
    launch.serve(runs, port=0, browser=False, say=said.append)
    assert "token" not in said[2]


@pytest.mark.parametrize("token", ["", "short"])
def test_a_token_that_is_easily_guessed_is_none(token, runs, monkeypatch, page):
    monkeypatch.setattr(server, "STATIC", page)
    with pytest.raises(UserError, match="--token: it must have 16 characters or more"):
        launch.serve(runs, token=token, browser=False)


def test_without_the_token_nothing_is_answered(others):
    for path in (
        "/",
        "/assets/app-1.js",
        "/api/runs",
        "/api/sample?run=one&step=0",
        "/nowhere",
        "/?token=",
        "/?token=x",
    ):
        answer = others.get(path)
        assert (answer.status_code, "page" in answer.text) == (401, False), path
    assert others.post("/api/stop", json={"run": "one"}).status_code == 401
    assert refused_socket(others) == 1008
    for wrong in ("", TOKEN[:-1], TOKEN + "x", "öffne"):
        others.cookies.set(f"{guard.COOKIE}-8421", quote(wrong))
        assert others.get("/").status_code == 401


def test_the_token_becomes_a_cookie_that_scripts_cannot_read(others):
    answer = others.get(f"/?token={TOKEN}&a=b")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?a=b")  # it is not left in the address
    cookies = [cookie.lower() for cookie in answer.headers.get_list("set-cookie")]
    assert all("httponly" in cookie for cookie in cookies)
    # A browser brings the page's from a link in a mail too, and the other from our own page alone.
    assert [re.search("path=[^;]+; samesite=.+", cookie)[0] for cookie in cookies] == [
        "path=/; samesite=lax",
        "path=/api/; samesite=strict",
    ]
    assert others.get("/").text.endswith("the page")
    assert others.get("/api/runs").status_code == 200
    assert refused_socket(others) is None


def test_another_sites_link_opens_the_page_alone(others):
    """Over plain HTTP a browser tells nothing of the asking site: which cookies it brings must do."""
    others.get(f"/?token={TOKEN}")
    brought = {"cookie": f"{guard.COOKIE}-8421={TOKEN}"}
    others.cookies.clear()
    assert others.get("/", headers=brought).status_code == 200
    for path in ("/api/runs", "/api/explore/directions?run=one"):
        assert others.get(path, headers=brought).status_code == 401
    assert refused_socket(others, **brought) == 1008


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example/", "///evil.example"])
def test_the_welcome_leads_nowhere_else(path, runs, page):
    app = server.application(Library(runs), "0.0.0.0", TOKEN, page)
    status, headers, _ = ask(app, path, query=f"token={TOKEN}", host="192.0.2.7")
    assert status == 303
    assert re.match(r"/[^/\\]", headers["location"])


# Host and Origin are checked


@pytest.mark.parametrize("host", ["localhost", "localhost:8421", "127.0.0.1:8421", "[::1]:9000", "LOCALHOST:1"])
def test_our_own_names_are_known(host, client):
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8421", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.7", "", "[::2]",
     "localhost@evil.example", "evil.example#localhost", "[", "0.0.0.0:8421"],
)  # fmt: skip
def test_a_name_that_was_made_to_point_here_is_refused(host, client):
    for path in ("/", "/api/runs", "/api/sample?run=one&step=0"):
        answer = client.get(path, headers={"host": host})
        assert (answer.status_code, "page" in answer.text) == (421, False)
    assert client.post("/api/stop", json={"run": "one"}, headers={"host": host}).status_code == 421
    assert refused_socket(client, host=host) == 1008


def test_others_reach_it_by_address_or_by_the_machines_own_name(others):
    others.get(f"/?token={TOKEN}")
    cookie = {"cookie": f"{guard.COOKIE}-8421={TOKEN}"}
    for host in ("192.0.2.7:8421", "[2001:db8::1]:8421", f"{socket.gethostname()}:8421"):
        assert others.get("/", headers={"host": host, **cookie}).status_code == 200
    assert others.get("/", headers={"host": "evil.example", **cookie}).status_code == 421


def test_a_studio_at_another_port_is_another(others):
    """A browser sends a host's cookies to all its ports."""
    assert f"{guard.COOKIE}-8421=" in others.get(f"/?token={TOKEN}").headers["set-cookie"]
    others.cookies.set(f"{guard.COOKIE}-8422", "a-token-of-the-other-studio")
    assert others.get("/").status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://localhost:8422", "http://localhost", "file://", "",
     "http://localhost:8421.evil.example", "http://evil.example/http://localhost:8421"],
)  # fmt: skip
def test_other_sites_may_not_ask(origin, client):
    assert client.get("/api/runs", headers={"origin": origin}).status_code == 403
    assert client.post("/api/stop", json={"run": "one"}, headers={"origin": origin}).status_code == 403
    assert refused_socket(client, origin=origin) == 1008  # no cross-site websocket


def test_our_own_page_may(client):
    assert client.get("/api/runs", headers={"origin": HERE, "sec-fetch-site": "same-origin"}).status_code == 200
    assert refused_socket(client, origin=HERE) is None


def test_what_browsers_say_of_the_asking_site_is_heard(client, runs):
    for site in ("cross-site", "same-site"):
        assert client.get("/api/sample?run=one&step=0", headers={"sec-fetch-site": site}).status_code == 403
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/", headers=followed).status_code == 200  # a link to the studio may be followed,
    assert client.get("/", headers=followed | {"sec-fetch-dest": "iframe"}).status_code == 403  # not framed
    assert (
        client.post("/api/stop", json={"run": "one"}, headers=followed).status_code == 403
    )  # nor may a form do things
    assert client.get("/api/explore/directions?run=one", headers=followed).status_code == 403  # nor a link
    assert not (runs / "one/points.json").exists()


def test_orders_are_json_and_said_to_be(client):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = client.post("/api/stop", content='{"run": "one"}', headers={"content-type": kind})
        assert answer.status_code == 400
    assert client.get("/api/stop?run=one").status_code == 405


# No path outside the named folder is served


def ask(app, path, query="", host="localhost:8421"):
    """One request as raw as it comes over the wire: no client tidies its path."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    from urllib.parse import unquote

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", host.encode())], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8421),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    start = next(message for message in sent if message["type"] == "http.response.start")
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, b"".join(message.get("body", b"") for message in sent)


@pytest.mark.parametrize(
    "path",
    ["/../secret.png", "/assets/../../secret.png", "/%2e%2e/secret.png", "/..%2fsecret.png", "/..%5csecret.png",
     "/assets/%2e%2e%2f%2e%2e%2fsecret.png", "/%2e%2e%5c%2e%2e%5csecret.png", "//etc/passwd", "/%2fetc/passwd",
     "/etc/passwd", "/assets//etc/passwd", "/..;/secret.png", "/%252e%252e/secret.png", "/.%00./secret.png",
     "/assets/app-1.js%00.png", "/runs/one/config.json", "/../runs/one/config.json", "/../elsewhere/config.json"],
)  # fmt: skip
def test_the_page_leads_nowhere_else(path, runs, page):
    status, _, body = ask(server.application(Library(runs), page=page), path)
    assert status == 404
    assert b"secret" not in body
    assert b"root:" not in body


@pytest.mark.parametrize(
    "name",
    ["../elsewhere", "..", ".", "", "/", "one/../../elsewhere", "one/", "./one", "ONE", "one\0", "%2e%2e/elsewhere",
     "..\\elsewhere", "ABSOLUTE", "one/samples", "one/config.json", "link", "deep/link"],
)  # fmt: skip
def test_a_run_is_one_of_those_that_were_listed(name, runs, tmp_path, client):
    os.symlink(tmp_path / "elsewhere", runs / "link")
    (runs / "deep").mkdir()
    os.symlink("../../elsewhere", runs / "deep" / "link")
    name = str(tmp_path / "elsewhere") if name == "ABSOLUTE" else name
    for path in ("sample", "file"):
        answer = client.get(f"/api/{path}", params={"run": name, "step": "0", "what": "losses"})
        assert answer.status_code == 404
    assert client.post("/api/stop", json={"run": name}).status_code == 404
    assert client.post("/api/continue", json={"run": name}).status_code == 404
    assert [run["name"] for run in client.get("/api/runs").json()["runs"]] == ["one"]


@pytest.mark.parametrize(
    "step", ["../../secret", "..%2f..%2fsecret", "-1", "1e3", "", "0.0", " 0", "٣", "9" * 5000, "000000/../x"]
)
def test_a_step_is_a_number(step, client):
    assert client.get("/api/sample", params={"run": "one", "step": step}).status_code == 404


def test_samples_are_served(client, runs):
    answer = client.get("/api/sample?run=one&step=10&v=1")
    assert answer.content == (runs / "one/samples/000010.png").read_bytes()
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    assert client.get("/api/sample?run=one&step=10").headers["cache-control"] == "no-store"


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
@pytest.mark.parametrize(
    "what", ["samples/000000.png", "config.json", "log.jsonl", "checkpoints/last.safetensors", "losses.png"]
)
def test_links_that_lead_out_are_not_followed(what, runs, tmp_path, client):
    file = runs / "one" / what
    outside = tmp_path / "elsewhere" / what
    if not outside.exists():
        outside.write_bytes(b"secret")
    file.unlink(missing_ok=True)
    os.symlink(outside, file)
    library = Library(runs)
    with pytest.raises(Refused):
        library.read(file)
    with pytest.raises(Refused):
        library.check(file)
    if what == "config.json":
        assert library.runs() == {}
    elif what == "log.jsonl":
        with live(client) as line:
            line.send_json({"watch": ["one"]})
            told = next(message for message in iter(line.receive_json, None) if message.get("run") == "one")
        assert not told.get("curves", {}).get("step")
    elif what.startswith("checkpoints"):
        assert client.get("/api/runs").json()["runs"][0]["status"] == "damaged"
    else:
        query = "/api/file?run=one&what=losses" if what == "losses.png" else "/api/sample?run=one&step=0"
        assert client.get(query).status_code == 404


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_folder_of_samples_that_leads_out_is_not_followed(runs, tmp_path, client):
    (runs / "one/samples").rename(runs / "one/kept")
    os.symlink(tmp_path / "elsewhere/samples", runs / "one/samples")
    assert client.get("/api/sample?run=one&step=0").status_code == 404
    assert client.get("/api/runs").json()["runs"][0]["sample"] is None


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_inside_the_folder_are_ours(runs, client):
    os.symlink(runs / "one/samples/000010.png", runs / "one/samples/000020.png")
    assert client.get("/api/sample?run=one&step=20").status_code == 200
    os.symlink(runs / "one/samples/000030.png", runs / "one/samples/000030.png")  # a circle
    assert client.get("/api/sample?run=one&step=30").status_code == 404


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_does_not_keep_it_waiting(runs, client):
    os.mkfifo(runs / "one/samples/000040.png")
    assert client.get("/api/sample?run=one&step=40").status_code == 404


# Uploads are bounded


def test_more_than_is_taken_is_refused_before_it_is_read(client):
    def endless():
        for _ in range(guard.BODY // 2**20 + 1):
            yield b" " * 2**20

    big = {"content-length": str(guard.BODY + 1), "content-type": "application/json"}
    assert client.post("/api/stop", content=b"", headers=big).status_code == 413
    assert client.post("/api/stop", content=b"", headers=big | {"content-length": "-1"}).status_code == 413
    assert client.post("/api/stop", content=b"{}", headers=big | {"content-length": "many"}).status_code == 413
    answer = client.post("/api/stop", content=endless(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()) == (413, {"error": "that is too large"})  # its length was not told


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'"one"', b"{", b'{"run": 5}', b'{"run": ["one"]}', b"[" * 100_000, b"\xff", b"{}"]
)
def test_nonsense_is_refused(body, client):
    for what in ("stop", "continue"):
        answer = client.post(f"/api/{what}", content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 404)


@pytest.mark.parametrize("steps", [0, -1, 1.5, "9", True, 10**13, [1]])
def test_steps_are_a_number_of_steps(steps, client):
    answer = client.post("/api/continue", json={"run": "one", "steps": steps})
    assert answer.status_code == 400
    assert "it must be a whole number" in answer.json()["error"]


def test_nonsense_on_the_live_line_is_passed_over(client):
    with live(client) as line:
        for words in (
            "",
            "{",
            "[]",
            "5",
            '{"watch": 5}',
            '{"watch": [[], {}, 5, null, "../elsewhere"]}',
            "[" * 100_000,
        ):
            line.send_text(words)
        line.send_json({"watch": ["one"]})
        told = next(message for message in iter(line.receive_json, None) if message.get("run") == "one")
        assert told["samples"]["steps"] == [0, 10]


# ... and decoded as carefully as data


def bomb() -> bytes:
    """A PNG of few bytes that would be 40,000 x 40,000 pixels."""
    import struct
    import zlib

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def test_a_picture_that_is_dropped_in_is_decoded_as_carefully_as_data(client, runs, tmp_path):
    good = (runs / "one/samples/000010.png").read_bytes()
    before = sorted(path for path in tmp_path.rglob("*"))
    octets = {"content-type": "application/octet-stream"}
    where = "/api/explore/invert?run=one&name=x"
    strange = {
        "empty": b"",
        "cut": good[: len(good) // 2],
        "bomb": bomb(),
        "text": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "code": b"\x80\x04cos\nsystem\n(S'touch pwned'\ntR.",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch pwned) (w) file\n",
        "list": b"/etc/passwd\n",
    }
    for what, content in strange.items():
        answer = client.post(where, content=content, headers=octets)
        assert answer.status_code == 400, what
        assert answer.json()["error"], what
    assert client.post(where, content=good, headers={"content-type": "multipart/form-data"}).status_code == 415
    assert client.post(where, content=good, headers=octets | {"origin": "http://evil.example"}).status_code == 403
    assert client.post(where, content=bytes(guard.BODY + 1), headers=octets).status_code == 413
    assert client.post(where.replace("one", "../elsewhere"), content=good, headers=octets).status_code == 404
    assert sorted(path for path in tmp_path.rglob("*")) == before
    for what in ("opinion", "maps"):  # these take pixels, just so many of them
        assert client.post(f"/api/explore/{what}?run=one", content=bytes(5), headers=octets).status_code == 400


# No outside request at all, and what the browser may do


def test_each_answer_carries_the_rules(client, others):
    answers = [client.get("/"), client.get("/api/runs"), client.get("/nowhere"), client.get("/assets/app-1.js"),
               client.get("/api/sample?run=one&step=0"), client.get("/", headers={"host": "evil.example"}),
               client.post("/api/stop", json={}), others.get("/"), others.get(f"/?token={TOKEN}")]  # fmt: skip
    assert {answer.status_code for answer in answers} == {200, 404, 421, 401, 303}
    for answer in answers:
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
        assert policy["connect-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert not re.search(r"https?:|\*|unsafe-inline|'unsafe-eval'", answer.headers["content-security-policy"])
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers


def test_the_built_page_names_no_other_place():
    if not (server.STATIC / "index.html").is_file():
        pytest.skip("the page is not built here: make install does, where node and npm are")
    html = (server.STATIC / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["'](?!\./)""", html)  # all its parts lie beside it
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=|style=", html)  # and nothing is inline
    for file in server.STATIC.rglob("*.css"):
        assert not re.search(r"@import|url\((?!['\"]?(\./|[\w-]))|//", file.read_text(encoding="utf-8"))
