"""Alerts to the outside: to a webhook, at least once, and to the terminal, one line each.

A webhook gets one POST per revision with the `Alert` as JSON, in the order of publication:

    Idempotency-Key: alert_id/revision      percent-encoded; the receiver drops what it has already had
    Authorization: Bearer …                 from the environment variable that `Output.secret_env` names
    Content-Type: application/json

    2xx                     delivered
    400, 413, 415, 422      the receiver had it and refuses these bytes: reported, not repeated
    anything else, silence  repeated after 0.5 s, 1 s, 2 s … 30 s, until it gets through

While the receiver has been away for more than 30 s only the newest revision of each alert waits: nobody wants the
course of yesterday's alarm before today's, and the queue holds at most one event of about a kilobyte per alert. The
newest revision of an alert is never dropped. Redirects are not followed and proxies of the environment not used: an
alert, and the secret with it, goes where the site file says or nowhere. No message holds the secret, or more of the
address than its host and port. RFC 6750 for the bearer token; the key after the IETF draft idempotency-key-header.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import TextIO
from urllib.parse import quote, urlsplit

import httpx

from skysentry.alerting import words
from skysentry.errors import ConfigError, SkysentryError
from skysentry.events import Alert, Health, HealthState, Phase, encode, health
from skysentry.site import Output

# A receiver that needs longer than this to say yes is treated as away; ten seconds is a slow siren gateway.
ATTEMPT_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
CONFLATE_AFTER_S = 30.0
# Even within those 30 s a storm of revisions is held to this many, some ten megabytes.
MAX_WAITING = 10_000
# While it stays away we say so once a minute.
REMIND_S = 60.0
REFUSED = frozenset({400, 413, 415, 422})

# The library writes whole addresses, with what is in their query, into its log at INFO.
logging.getLogger("httpx").setLevel(logging.WARNING)


class Webhook:
    """One receiver of alerts. `offer` never waits; `run` sends until it is cancelled, in the same event loop.

    `on_health` hears of failing and recovery, `on_delivered` of every revision that got through (to mark it). Raises
    `ConfigError` where the address or the secret cannot be used.
    """

    def __init__(
        self,
        output: Output,
        on_health: Callable[[Health], None],
        on_delivered: Callable[[Alert], None] = lambda alert: None,
        *,
        attempt_s: float = ATTEMPT_S,
        first_pause_s: float = FIRST_PAUSE_S,
        conflate_after_s: float = CONFLATE_AFTER_S,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.url, self.target = _address(output)
        self._headers = {"Content-Type": "application/json"} | _authorization(output, environ)
        self._on_health, self._on_delivered = on_health, on_delivered
        self._attempt_s, self._first_pause_s, self._conflate_after_s = attempt_s, first_pause_s, conflate_after_s
        self._waiting: dict[tuple[str, int], Alert] = {}
        self._more = asyncio.Event()
        self._done = asyncio.Event()
        self._done.set()
        self._failing_since_s: float | None = None
        self._told_s = 0.0
        self.refused = 0

    def __len__(self) -> int:
        """Return how many revisions wait."""
        return len(self._waiting)

    def offer(self, alert: Alert) -> None:
        """Put a revision in line; one that waits already is not put twice."""
        self._waiting.setdefault((alert.alert_id, alert.revision), alert)
        if len(self._waiting) > MAX_WAITING:
            self._conflate()
        self._done.clear()
        self._more.set()

    async def run(self) -> None:
        """Send what waits, the oldest first, for ever."""
        async with httpx.AsyncClient(timeout=self._attempt_s, trust_env=False, follow_redirects=False) as client:
            pause_s = self._first_pause_s
            while True:
                await self._more.wait()
                failure = await self._send_first(client)
                if failure is None:
                    pause_s = self._first_pause_s
                    continue
                self._fail(failure)
                await asyncio.sleep(pause_s)
                pause_s = min(2.0 * pause_s, LONGEST_PAUSE_S)
                if self._away_s() > self._conflate_after_s:
                    self._conflate()

    async def finish(self, timeout_s: float) -> bool:
        """Wait until nothing waits any more; returns whether that was so in time."""
        try:
            await asyncio.wait_for(self._done.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    async def _send_first(self, client: httpx.AsyncClient) -> str | None:
        """Send the oldest revision; returns what went wrong, or `None`."""
        key, alert = next(iter(self._waiting.items()))
        status, failure = await self._post(client, alert)
        if failure is not None:
            return failure
        if status in REFUSED:
            self.refused += 1
            self._tell(HealthState.DEGRADED, f"{self.target} refuses {alert.id} with status {status}")
        else:
            self._recover()
            self._mark(alert)
        self._waiting.pop(key, None)
        if not self._waiting:
            self._more.clear()
            self._done.set()
        return None

    async def _post(self, client: httpx.AsyncClient, alert: Alert) -> tuple[int, str | None]:
        headers = self._headers | {"Idempotency-Key": quote(f"{alert.alert_id}/{alert.revision}", safe="/~@:.")}
        try:
            # The limit holds for the whole attempt: a receiver that sends a byte a second is away too.
            async with asyncio.timeout(self._attempt_s):
                request = client.stream("POST", self.url, content=encode(alert), headers=headers)
                async with request as response:
                    status = response.status_code
        except (TimeoutError, httpx.TimeoutException):
            return 0, f"no answer within {self._attempt_s:g} s"
        except httpx.HTTPError as error:
            return 0, _plain(error)
        return status, None if response.is_success or status in REFUSED else f"status {status}"

    def _mark(self, alert: Alert) -> None:
        """Note a delivery; where that fails the alert is sent once more after a restart, which is allowed."""
        try:
            self._on_delivered(alert)
        except SkysentryError as error:
            self._tell(HealthState.DEGRADED, f"the delivery of {alert.id} could not be noted: {error.message}")

    def _conflate(self) -> None:
        """Keep the newest revision of each alert, in the order in which they were offered."""
        newest = dict(sorted(self._waiting))
        self._waiting = {key: alert for key, alert in self._waiting.items() if newest[key[0]] == key[1]}

    def _away_s(self) -> float:
        return 0.0 if self._failing_since_s is None else time.monotonic() - self._failing_since_s

    def _fail(self, failure: str) -> None:
        now_s = time.monotonic()
        first = self._failing_since_s is None
        self._failing_since_s = now_s if self._failing_since_s is None else self._failing_since_s
        if first or now_s - self._told_s >= REMIND_S:
            self._told_s = now_s
            self._tell(HealthState.LOST, f"alerts do not reach {self.target}: {failure}; {len(self)} wait")

    def _recover(self) -> None:
        if self._failing_since_s is not None:
            away_s = self._away_s()
            self._failing_since_s = None
            self._tell(HealthState.OK, f"alerts reach {self.target} again after {away_s:.0f} s")

    def _tell(self, state: HealthState, reason: str) -> None:
        now_ns = time.time_ns()
        mend = "" if state is HealthState.OK else "check that the receiver runs, its address, and its secret"
        source = f"webhook:{self.target}"[:200]
        counts = (("refused", self.refused), ("waiting", len(self)))
        self._on_health(
            health(
                source,
                now_ns,
                state,
                reason,
                mend,
                counts,
            )
        )


class Stdout:
    """Alerts as lines for people: the time, how grave, where, and the sentence. `zone_name` turns an id into a name."""

    def __init__(self, stream: TextIO, zone_name: Callable[[str], str] = lambda zone_id: zone_id) -> None:
        self._stream, self._zone_name = stream, zone_name

    def offer(self, alert: Alert) -> None:
        """Print one revision at once."""
        print(line(alert, self._zone_name(alert.zone)), file=self._stream, flush=True)


def line(alert: Alert, zone_name: str) -> str:
    """Return an alert as one line: `14:03:27Z URGENT Irpin: …`."""
    over = alert.phase in (Phase.CLEARED, Phase.ALL_CLEAR)
    word = alert.phase.value.replace("_", " ").upper() if over else alert.severity.value.upper()
    aside = f" ({alert.phase.value})" if alert.phase in (Phase.ACKNOWLEDGED, Phase.SHELVED) else ""
    text = f"{words.clock(alert.time_ns, True)} {word}{aside} {zone_name}: {alert.why}"
    return "".join(c if c.isprintable() else "?" for c in text)


def _address(output: Output) -> tuple[str, str]:
    """The whole address, and the part of it that may be shown."""
    hint = 'a webhook needs url = "https://host/path"'
    try:
        parts = urlsplit(output.url or "")
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        raise ConfigError("the address of a webhook cannot be read", where="outputs", hint=hint) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("a webhook has no http address", where="outputs", hint=hint)
    return str(output.url), f"{parts.scheme}://{parts.hostname}{port}"


def _authorization(output: Output, environ: Mapping[str, str]) -> dict[str, str]:
    if output.secret_env is None:
        return {}
    secret = environ.get(output.secret_env, "").strip()
    where = f"outputs: secret_env = {output.secret_env!r}"
    if not secret:
        raise ConfigError("the environment variable is not set", where=where, hint=f"export {output.secret_env}=…")
    if not (secret.isascii() and secret.isprintable()):
        raise ConfigError("the secret is not plain ASCII", where=where, hint="use a token without line ends")
    return {"Authorization": f"Bearer {secret}"}


def _plain(error: httpx.HTTPError) -> str:
    """What went wrong in words of ours; the library's may hold the address with what is in its query."""
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    if isinstance(error, httpx.ProtocolError):
        return "the answer is not HTTP"
    return "the connection broke"
