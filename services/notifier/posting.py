"""One attempt: a POST to an endpoint, and what came of it. No redirect is followed, little of an answer is read."""

import contextlib
import email.utils
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

import aiohttp

from services.adapters.signal_endpoints import Endpoint

READ_BYTES = 4096
"""Of an answer's body."""
_TOO_EARLY_OR_BUSY = {408, 425, 429}
Verdict = Literal["delivered", "again", "gone", "refused"]
Result = Literal["2xx", "3xx", "4xx", "5xx", "timeout", "connection"]
RESULTS: tuple[Result, ...] = ("2xx", "3xx", "4xx", "5xx", "timeout", "connection")


@dataclass(frozen=True)
class Answer:
    """What came back. It holds no word of ours, and none of the address."""

    status: int | None
    """None: no answer; `fault` says why."""
    fault: str = ""
    timed_out: bool = False
    retry_after_s: float | None = None
    body: str = ""
    """Its beginning. It may repeat anything that was sent, so it goes to no log."""
    took_s: float = 0

    @property
    def verdict(self) -> Verdict:
        """What to do next. A redirect asks for another address in the file: until then, again."""
        if self.status is None or self.status >= 500 or self.status in _TOO_EARLY_OR_BUSY:
            return "again"
        if self.status < 300:
            return "delivered"
        if self.status < 400:
            return "again"
        return "gone" if self.status == 410 else "refused"

    @property
    def result(self) -> Result:
        """One short word for a label."""
        match self.status:
            case None:
                return "timeout" if self.timed_out else "connection"
            case status if status < 300:
                return "2xx"
            case status if status < 400:
                return "3xx"
            case status if status < 500:
                return "4xx"
        return "5xx"

    @property
    def detail(self) -> str:
        """The same for a person."""
        return self.fault if self.status is None else f"it answered {self.status}"


class Poster(Protocol):
    """Sends to one endpoint."""

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One attempt, within the endpoint's timeout."""
        ...


class HttpPoster:
    """`Poster` over connections that no other endpoint shares."""

    def __init__(self, endpoint: Endpoint, session: aiohttp.ClientSession, now: Callable[[], float]) -> None:
        self._endpoint = endpoint
        self._session = session
        self._now = now

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        began = time.monotonic()
        try:
            async with self._session.post(
                self._endpoint.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return Answer(
                    response.status,
                    retry_after_s=_retry_after_s(response.headers.get("Retry-After"), self._now()),
                    body=await _beginning(response),
                    took_s=time.monotonic() - began,
                )
        except TimeoutError:
            fault = f"no answer within {self._endpoint.timeout_s:g} s"
            return Answer(None, fault, timed_out=True, took_s=time.monotonic() - began)
        # Its own words may hold the address; what kind it is says enough.
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(None, _fault(error), took_s=time.monotonic() - began)


@asynccontextmanager
async def open_poster(endpoint: Endpoint, now: Callable[[], float] = time.time) -> AsyncIterator[HttpPoster]:
    """A poster with connections of its own."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=endpoint.in_flight),
        timeout=aiohttp.ClientTimeout(total=endpoint.timeout_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # an answer could unfold into anything
        headers={"user-agent": "deskpulse"},
    )
    async with session:
        yield HttpPoster(endpoint, session, now)


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """The status says all that counts: what is wrong with the body, or with its end, does not matter."""
    read = b""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        while len(read) < READ_BYTES and (piece := await response.content.read(READ_BYTES - len(read))):
            read += piece
    return read.decode(errors="replace")


def _fault(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "its name leads to no address"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "its certificate is not trusted, or it speaks no TLS"
        case aiohttp.ClientConnectorError():
            return f"no connection: {error.os_error.strerror or type(error.os_error).__name__}"
        case aiohttp.ServerDisconnectedError() | ConnectionError():
            return "the connection ended before an answer"
    return f"no answer that can be read: {type(error).__name__}"


def _retry_after_s(header: str | None, now: float) -> float | None:
    """Seconds from now, of a number or a date; None for what is neither."""
    if header is None:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return float(header.strip()[:9])
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - now)
    return None
