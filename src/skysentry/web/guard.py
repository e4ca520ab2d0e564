"""Who may come in: one ASGI layer before everything else.

- Without a token the server listens on the loopback only, and whoever is at this machine has full rights. The `Host`
  must then be a loopback name: a foreign page that points its own name at 127.0.0.1 (DNS rebinding) gets nothing.
- With a token each request under /api carries it, as `Authorization: Bearer` or as the cookie that /login sets. The
  cookie holds a digest, not the token; comparisons take constant time.
- What changes anything (POST) must be JSON and of the same origin, so no form or script of another page can send it.
- Every answer forbids inline and foreign code, framing, sniffing and referrers. No other origin is ever asked.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skysentry.web.views import Problem

COOKIE = "skysentry"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
# MapLibre's worker is a file of ours, its pictures are drawn on canvases (blob:, data:); Svelte sets styles by script,
# which the policy allows, and writes no style attributes into markup.
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Refuse strangers, then add the headers to whatever is answered."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app = app
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = self._refusal(scope, Headers(scope=scope))
        await (refusal or self.app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if self.token is None and _name(host) not in LOOPBACK:
            return problem(421, f"this server does not answer for the host {host!r}", "open http://127.0.0.1 instead")
        if scope["method"] == "POST":
            origin = headers.get("origin")
            if origin is not None and _netloc(origin) != host:
                return problem(403, "orders are taken from this server's own page only")
            if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                return problem(415, "the body must be application/json")
        if scope["path"].startswith("/api/") and not self._has_token(headers):
            return problem(401, "this server asks for a token", "open /login?token=… once, or send it as Bearer")
        return None

    def _has_token(self, headers: Headers) -> bool:
        if self.token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and same(given.strip(), self.token):
            return True
        return same(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""), digest(self.token))


def problem(status: int, error: str, hint: str | None = None) -> Response:
    """Return a refusal as JSON."""
    return Response(msgspec.json.encode(Problem(error, hint)), status, media_type="application/json")


def same(given: str, wanted: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def digest(token: str) -> str:
    """Return what the cookie holds."""
    return hashlib.sha256(b"skysentry cookie " + token.encode()).hexdigest()


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _name(host: str) -> str:
    """Return the host without its port; IPv6 names keep their brackets."""
    if host.startswith("["):
        name, end, _ = host.partition("]")
        return name + end
    return host.partition(":")[0]
