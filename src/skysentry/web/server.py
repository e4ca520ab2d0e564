"""The HTTP server: the built screen, the event stream, orders. docs/http.md is its reference.

    GET  /                  the screen (built by ui/build.py into static/)
    GET  /login?token=…     set the cookie, go to /
    GET  /api/snapshot      the whole picture
    GET  /api/events        server-sent events: snapshot, tracks, alert, health, beat; Last-Event-ID or ?after=
    POST /api/orders        what a person decided
    GET  /api/track/{id}    where a track was
    GET  /api/schema        JSON Schemas of all that is sent and taken

`?kiosk` on a request gives up the right to personal data and orders (`Rights.PUBLIC`).
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from skysentry.errors import InputError, LinkError
from skysentry.runtime.feed import Feed
from skysentry.web import orders, stream
from skysentry.web.guard import COOKIE, Guard, digest, problem, same
from skysentry.web.messages import snapshot, trail_view
from skysentry.web.views import Rights, Trail, schema

STATIC = Path(__file__).parent / "static"
# A polygon of 1,000 points takes 40 kB; nothing that is posted here is larger.
MAX_BODY_BYTES = 65_536
# A request line and headers; more is not a browser.
MAX_HEAD_BYTES = 16_384
# Connections beside the streams: a browser opens six at once.
MAX_CONNECTIONS = 512
# Connections that may wait to be taken; what Linux allows by itself since 2019 is more.
BACKLOG = 128


def app(feed: Feed, token: str | None = None, static: Path = STATIC) -> Starlette:
    """Return the application for a feed; with `token` every client must know it."""
    routes: list[BaseRoute] = [
        Route("/login", _login),
        Route("/api/snapshot", _snapshot),
        Route("/api/events", _events),
        Route("/api/orders", _orders, methods=["POST"]),
        Route("/api/track/{track_id:path}", _track),
        Route("/api/schema", _schema),
    ]
    if (static / "index.html").is_file():
        # Compressed here and not around the whole, so that nothing ever holds the stream back.
        files = GZipMiddleware(HashedFiles(directory=static, html=True), minimum_size=1024)
        routes.append(Mount("/", files))
    else:
        routes.append(Route("/", _not_built))
    site = Starlette(routes=routes, middleware=[Middleware(Guard, token=token)])
    site.state.feed = feed
    site.state.token = token
    return site


async def serve(app: Starlette, host: str = "127.0.0.1", port: int = 8080) -> None:
    """Serve until cancelled. Signals stay with the caller.

    Raises `InputError` for an address other than the loopback without a token, `LinkError` where the port is taken.
    """
    with listen(host, port, app.state.token) as listening:
        await serve_on(app, listening)


async def serve_on(app: Starlette, listening: socket.socket) -> None:
    """Serve on a socket of `bind` until cancelled; streams end at once then, requests have a second."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=1,
    )
    server = QuietServer(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await asyncio.shield(task)
    finally:
        app.state.feed.close()
        server.should_exit = True
        await task


# Its log tells of each request that a shutdown cuts off, with a traceback; nothing in it is for people.
logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)


class QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers: the loop decides when to end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def listen(host: str, port: int, token: str | None) -> socket.socket:
    """Return a socket for `serve_on`; raises `InputError` for an address that others reach, without a token."""
    if token is None and not is_loopback(host):
        raise InputError(
            f"{host} can be reached by others, and no token is set",
            where="--host",
            hint="set one (SKYSENTRY_TOKEN), or stay on 127.0.0.1",
        )
    return bind(host, port)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket, so that a taken port is our error and not a log line."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        taken = error.errno == errno.EADDRINUSE
        raise LinkError(
            "the port is taken" if taken else error.strerror or str(error),
            where=f"{host}:{port}",
            hint="choose another with --port" if taken else "check --host and --port",
        ) from None
    return listening


def is_loopback(host: str) -> bool:
    """Whether an address reaches this machine only; names other than localhost do not count."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class HashedFiles(StaticFiles):
    """Static files with cache headers: `assets/` never change, index.html is asked for each time."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, with how long it may be kept."""
        response = await super().get_response(path, scope)
        kept = path.startswith("assets/") and response.status_code in (200, 304)
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        return response


def _rights(request: Request) -> Rights:
    return Rights.PUBLIC if "kiosk" in request.query_params else Rights.FULL


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, {"cache-control": "no-store"}, media_type="application/json")


async def _snapshot(request: Request) -> Response:
    feed: Feed = request.app.state.feed
    return _json(snapshot(feed.picture(), _rights(request)))


async def _events(request: Request) -> Response:
    feed: Feed = request.app.state.feed
    messages = feed.subscribe(request.headers.get("last-event-id") or request.query_params.get("after"))
    try:
        first = await anext(messages)
    except LinkError as error:
        return problem(503, error.message, error.hint)
    except StopAsyncIteration:
        return problem(503, "the server is closing")
    body = stream.lines(first, messages, _rights(request))
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    far = request.client is None or not is_loopback(request.client.host)
    if far and "gzip" in request.headers.get("accept-encoding", ""):
        body = stream.squeezed(body)
        headers["content-encoding"] = "gzip"
    return StreamingResponse(body, headers=headers, media_type="text/event-stream")


async def _orders(request: Request) -> Response:
    if _rights(request) is Rights.PUBLIC:
        return problem(403, "a kiosk gives no orders", "open the page without ?kiosk")
    try:
        body = await _body(request)
        return _json(orders.OrderAnswer(orders.submit(request.app.state.feed, body)), 202)
    except orders.OrderError as refusal:
        return problem(refusal.status, refusal.message, refusal.hint)
    except ClientDisconnect:
        return problem(400, "the request ended early")


async def _body(request: Request) -> bytes:
    """Return the body, or refuse it as soon as it grows past the bound."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise orders.OrderError(413, f"more than {MAX_BODY_BYTES} bytes", "an order is small")
    return bytes(body)


async def _track(request: Request) -> Response:
    track_id = request.path_params["track_id"]
    trail = request.app.state.feed.trail(track_id)
    if trail is None:
        return problem(404, "there is no such track", "it may have ended; recordings keep it")
    return _json(Trail(track_id, trail_view(trail)))


async def _schema(request: Request) -> Response:
    return _json(schema(orders.OrderRequest, orders.OrderAnswer))


async def _login(request: Request) -> Response:
    token: str | None = request.app.state.token
    if token is not None and not same(request.query_params.get("token", ""), token):
        return problem(401, "that is not the token")
    response = RedirectResponse("/", 303)
    if token is not None:
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, digest(token), httponly=True, samesite="strict", secure=secure)
    return response


async def _not_built(request: Request) -> Response:
    return problem(503, "the screen is not built", "run make, or python ui/build.py")
