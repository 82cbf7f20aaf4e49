"""Who may ask, how much may come in, and what the browser may do with what it gets. Each request passes here first.

A page of another site must not reach the studio through the user's browser, though the browser stands on this
machine. Against a name that is made to point here (DNS rebinding), the Host header must be an address or a name of
this machine. Against other sites' requests and websockets, an Origin that is sent must be our own. An address that
others can reach also needs a token, which becomes cookies at the first visit.
"""

import hmac
import ipaddress
import secrets
import socket
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY = 16 * 2**20  # bytes that a request may bring: a photograph as cameras write it
COOKIE = "dcgan-studio"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

HEADERS = {
    # Nothing from elsewhere, and nothing inline. Compiling WebAssembly is what the generator needs; blob: are pictures
    # made in the page, and workers of it.
    "content-security-policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self'; "
        "img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    # Together: no other site shares a process with the page, which is what threads in WebAssembly ask for.
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def new_token() -> str:
    return secrets.token_urlsafe(24)


class Guard:
    """Wraps the application. `host` is what it listens on; without a token, loopback is all that is answered."""

    def __init__(self, app: ASGIApp, host: str = "localhost", token: str | None = None, body: int = BODY):
        assert token or is_loopback(host), "an address that others reach needs a token"
        self.app, self.token, self.body = app, token, body
        self.names = LOOPBACK | {host.lower()} | (set() if is_loopback(host) else _own_names())
        self.open = not is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is not None:
            await self._refuse(refused, scope, receive, send)
            return
        await self.app(scope, self._bounded(receive), _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._knows(host):
            return PlainTextResponse("This studio is not known by that name.", 421)
        if not self._same_site(headers, host, scope):
            return PlainTextResponse("Another site's page may not ask this studio.", 403)
        if self.token is not None:
            given = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"))).get("token")
            if scope["type"] == "http" and given is not None and self._right(given):
                return self._welcome(scope)
            if not self._right(_cookie(headers, _cookie_name(scope, _is_api(scope)))):
                return PlainTextResponse(
                    "A token is needed: open the address that `dcgan studio` printed, with its token.", 401
                )
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.body:
            return PlainTextResponse(f"That is too large: up to {self.body // 2**20} MiB are taken.", 413)
        return None

    def _knows(self, host: str) -> bool:
        name = _name(host)
        if name in self.names:
            return True
        if not self.open:
            return False
        try:  # an address is no name, and so cannot be made to point elsewhere
            return bool(ipaddress.ip_address(name))
        except ValueError:
            return False

    @staticmethod
    def _same_site(headers: Headers, host: str, scope: Scope) -> bool:
        origin = headers.get("origin")
        if origin is not None and (origin == "null" or urlsplit(origin).netloc.lower() != host.lower()):
            return False
        # Browsers of today say it of each request; `none` is an address that was typed, or a bookmark. A link to the
        # studio may be followed: its page is then opened, and the other site sees nothing of it. Not one to /api/,
        # where an address can have a model loaded, and directions kept in its run.
        site, purpose = headers.get("sec-fetch-site"), (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
        followed = scope.get("method") == "GET" and purpose == ("navigate", "document")
        return site in (None, "same-origin", "none") or (followed and not _is_api(scope))

    def _right(self, given: str | None) -> bool:
        return given is not None and hmac.compare_digest(given.encode(), (self.token or "").encode())

    def _welcome(self, scope: Scope) -> Response:
        """The token goes from the address, where it would be seen and kept, into a cookie that no script can read."""
        query = [(name, value) for name, value in parse_qsl(scope["query_string"].decode("latin-1")) if name != "token"]
        # Of our own path: "//elsewhere/" would be another site.
        path = "/" + scope["path"].lstrip("/\\")
        response = RedirectResponse(path + (f"?{urlencode(query)}" if query else ""), 303)
        # A `strict` one is kept back on the way from a link in a mail or a chat, and the page that we lead to would be
        # refused; so the page's is `lax`. The strict one keeps other sites' links from /api/ where `_same_site` cannot:
        # over plain HTTP a browser tells nothing of who leads here, but to loopback.
        for api, path, site in ((False, "/", "lax"), (True, "/api/", "strict")):
            response.set_cookie(_cookie_name(scope, api), self.token or "", httponly=True, samesite=site, path=path)
        return response

    async def _refuse(self, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await response(scope, receive, _with_headers(send))
            return
        await receive()  # the websocket's request to connect, which is answered with 403
        await send({"type": "websocket.close", "code": 1008})

    def _bounded(self, receive: Receive) -> Receive:
        """Counts what comes: a length need not be told beforehand, or truly."""
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            if message["type"] == "http.request":
                came += len(message.get("body", b""))
                if came > self.body:
                    raise TooLarge
            return message

        return counted


class TooLarge(Exception):
    """More came in than a request may bring."""


def _with_headers(send: Send) -> Send:
    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return dressed


def _name(host: str) -> str:
    """The name in a Host header, without its port and an IPv6 address's brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _own_names() -> set[str]:
    return {name.lower() for name in _said((socket.gethostname, socket.getfqdn)) if name}


def _said(asked: Iterable) -> list[str]:
    found = []
    for ask in asked:
        try:
            found.append(ask())
        except OSError:
            continue
    return found


def _is_api(scope: Scope) -> bool:
    return scope["path"].startswith("/api/")


def _cookie_name(scope: Scope, api: bool) -> str:
    """Of this studio: a browser gives its cookies to all ports of a host."""
    return f"{COOKIE}-{scope['server'][1]}{'-api' if api else ''}"


def _cookie(headers: Headers, name: str) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return found.value if found else None
