"""Reading a request's body: its exact bytes, never more than we want, never longer than we wait."""

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from services.errors import Rejected

BODY_S = 10.0
"""From the headers to the last byte of the body, however steadily the bytes come."""


class TooLarge(Rejected):
    """More than `max_body_bytes`: answer 413."""


class TooSlow(Rejected):
    """The body did not come in time: answer 408."""


class Gone(Rejected):
    """The sender went away in the middle; nobody reads the answer."""


async def body_of(request: Request, max_bytes: int) -> bytes:
    """The whole body, as it came.

    Raises:
        TooLarge: by its announced length, or once that many bytes have come.
        TooSlow: it is not complete within `BODY_S`.
        Gone: the sender went away.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and announced.isascii() and (len(announced) > 18 or int(announced) > max_bytes):
        raise TooLarge(f"the body is larger than {max_bytes} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for piece in request.stream():
                body += piece
                if len(body) > max_bytes:
                    raise TooLarge(f"the body is larger than {max_bytes} bytes")
    except TimeoutError:
        raise TooSlow(f"the body did not come within {BODY_S} s") from None
    except ClientDisconnect:
        raise Gone("the sender went away") from None
    return bytes(body)
