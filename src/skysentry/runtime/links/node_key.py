"""The address and key in a `node://` URL, at either end. The key itself is in a file or the environment, never here.

node://10.0.0.1:7900?key_file=/etc/skysentry/node.key        first line of the file
node://10.0.0.1:7900?key_env=SKYSENTRY_NODE_KEY              value of the variable
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from skysentry.errors import ConfigError
from skysentry.wire.node import LEAST_KEY_BYTES

HINT = "node://HOST:7900?key_file=/etc/skysentry/node.key or ?key_env=SKYSENTRY_NODE_KEY"
PORT = 7900
# A key is a line; a device file would never end.
MOST_KEY_BYTES = 4_096


def key_of(url: str, where: str, environ: Mapping[str, str] = os.environ) -> bytes:
    """Return the shared key that a URL points to; raises `ConfigError`."""
    query = parse_qs(urlsplit(url).query)
    named = [(name, values[-1]) for name, values in query.items()]
    if len(named) != 1 or named[0][0] not in ("key_file", "key_env"):
        raise ConfigError("a node link names its key, by file or by environment variable", where=where, hint=HINT)
    name, value = named[0]
    if name == "key_env":
        key = environ.get(value, "").strip().encode()
        if not key:
            raise ConfigError(f"{value} is not set in the environment", where=where, hint=f"export {value}=…")
    else:
        key = _first_line(Path(value), where)
    if len(key) < LEAST_KEY_BYTES:
        hint = "make one: head -c 32 /dev/urandom | base64 > node.key"
        raise ConfigError(f"the key is shorter than {LEAST_KEY_BYTES} bytes", where=where, hint=hint)
    return key


def site_of(url: str, where: str) -> tuple[str, int]:
    """Return host and port of the site that a node connects to; raises `ConfigError`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORT
    except ValueError as error:
        raise ConfigError(f"{url!r} is no address: {error}", where=where, hint=HINT) from None
    if parts.scheme != "node" or not host or parts.username or parts.password:
        raise ConfigError(f"{url!r} is no node link", where=where, hint=HINT)
    return host, port


def _first_line(path: Path, where: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_KEY_BYTES).split(b"\n", 1)[0].strip()
    except OSError as error:
        reason = f"the key file {path} cannot be read: {error.strerror}"
        raise ConfigError(reason, where=where, hint="check the path and who may read it") from None
