"""`dcgan studio`: where it listens, and what it says when it cannot."""

import socket
import sys
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the extra `studio` is not installed")

from dcgan.errors import UserError
from dcgan.studio import launch, server


@pytest.fixture(autouse=True)
def page(tmp_path, monkeypatch):
    (tmp_path / "page").mkdir()
    (tmp_path / "page/index.html").write_text("the page")
    monkeypatch.setattr(server, "STATIC", tmp_path / "page")


def sentence(cli, *words):
    done = cli("studio", *words, "--no-browser")
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    return done.err.removeprefix("dcgan: ").strip()


def test_what_it_cannot_serve(cli, tmp_path, trained):
    assert sentence(cli, "nowhere") == "nowhere: there is no such folder; `dcgan runs` lists the runs under runs/"
    assert "it is a file" in sentence(cli, trained / "config.json")
    assert sentence(cli, trained, "--port", "70000").startswith("--port 70000: ports go from 0 to 65535")
    assert sentence(cli, trained, "--host", "no.such.host.invalid").startswith(
        "--host no.such.host.invalid: this machine has no such address"
    )
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        found = sentence(cli, trained, "--host", "127.0.0.1", "--port", str(number))
        assert found.startswith(f"--port {number}: it cannot be had at 127.0.0.1 (Address already in use)")


def test_without_its_page_or_its_packages(cli, trained, tmp_path, monkeypatch):
    (tmp_path / "page/index.html").unlink()
    assert "its page is not built" in sentence(cli, trained)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert 'pip install "dcgan[studio]" brings it' in sentence(cli, trained)


def test_the_usual_place_may_be_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    launch.check_path(Path("runs"))
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError, match="runs: it is a file"):
        launch.check_path(Path("runs"))


def test_the_next_free_port_is_taken():
    with launch.listen("127.0.0.1", None) as first, launch.listen("127.0.0.1", None) as second:
        ports = [sock.getsockname()[1] for sock in (first, second)]
    assert ports[0] != ports[1]
    assert {*ports} <= {*range(launch.PORT, launch.PORT + launch.TRIED)}


def test_all_ports_taken(monkeypatch):
    monkeypatch.setattr(launch, "TRIED", 1)
    monkeypatch.setattr(launch, "PORT", 0)
    with launch.listen("127.0.0.1", 0) as sock:
        monkeypatch.setattr(launch, "PORT", sock.getsockname()[1])
        with pytest.raises(UserError, match=r"cannot be had .*; choose one with --port"):
            launch.listen("127.0.0.1", None)


@pytest.mark.parametrize(
    ("host", "token", "shown"),
    [("localhost", None, "http://localhost:8421/"), ("::1", None, "http://[::1]:8421/"),
     ("192.0.2.7", "t" * 16, "http://192.0.2.7:8421/?token=" + "t" * 16),
     ("0.0.0.0", "t" * 16, f"http://{socket.gethostname()}:8421/?token=" + "t" * 16)],
)  # fmt: skip
def test_the_address_that_is_printed(host, token, shown):
    assert launch._address(host, 8421, token) == shown
