"""One attempt against a real server."""

import asyncio
import zlib
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from services.adapters.local import free_port
from services.notifier.posting import READ_BYTES, Answer, open_poster
from tests.notifier.receiving import Answers, Got, endpoint, receiving, saying

NOW = 1_800_000_000.0


async def posted(url: str, **changes: Any) -> Answer:
    async with open_poster(endpoint(url, **changes), lambda: NOW) as poster:
        return await poster.post(b"{}", {"webhook-id": "sig_1"})


@pytest.mark.parametrize(
    ("status", "verdict", "result"),
    [
        (200, "delivered", "2xx"),
        (204, "delivered", "2xx"),
        (301, "again", "3xx"),
        (304, "again", "3xx"),
        (400, "refused", "4xx"),
        (401, "refused", "4xx"),
        (404, "refused", "4xx"),
        (408, "again", "4xx"),
        (410, "gone", "4xx"),
        (425, "again", "4xx"),
        (429, "again", "4xx"),
        (500, "again", "5xx"),
        (503, "again", "5xx"),
        (599, "again", "5xx"),
    ],
)
async def test_each_status_has_its_verdict(status: int, verdict: str, result: str) -> None:
    async with receiving(lambda got: status) as receiver:
        answer = await posted(receiver.url)

    assert (answer.status, answer.verdict, answer.result) == (status, verdict, result)
    assert answer.detail == f"it answered {status}"


async def test_no_redirect_is_followed() -> None:
    async with receiving() as receiver:
        receiver.answers = lambda got: web.Response(status=307, headers={"location": f"{receiver.url}/elsewhere"})
        answer = await posted(f"{receiver.url}/hook?a=b")

    assert answer.status == 307
    assert [each.path for each in receiver.got] == ["/hook?a=b"]


async def test_cookies_are_not_kept() -> None:
    async with (
        receiving(lambda got: web.Response(headers={"set-cookie": "a=b"})) as receiver,
        open_poster(endpoint(receiver.url)) as poster,
    ):
        await poster.post(b"{}", {})
        await poster.post(b"{}", {})

    assert "cookie" not in receiver.got[1].headers


@pytest.mark.parametrize("packed", [False, True])
async def test_of_an_endless_body_little_is_read(packed: bool) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {"content-encoding": "deflate"} if packed else {}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        piece = zlib.compress(b"x" * 10_000_000) if packed else b"x" * 65536
        try:
            while True:
                await response.write(piece)
        except ConnectionError:
            ended.set()
        return response

    ended = asyncio.Event()
    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        came_back = await posted(f"http://127.0.0.1:{runner.addresses[0][1]}")
        async with asyncio.timeout(20):
            await ended.wait()
    finally:
        await runner.cleanup()

    assert came_back.verdict == "delivered"
    assert len(came_back.body) <= READ_BYTES
    assert ("x" * 100 in came_back.body) is not packed, "nothing is unpacked"


async def test_a_body_that_never_ends_does_not_unmake_a_delivery() -> None:
    async with saying(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegin", stays=True) as url:
        came_back = await posted(url, timeout_s=0.2)

    assert (came_back.verdict, came_back.body) == ("delivered", "begin")


async def never(got: Got) -> int:
    await asyncio.Event().wait()
    return 200


async def test_an_endpoint_that_says_nothing_is_waited_for_so_long() -> None:
    async with receiving(never) as receiver:
        answer = await posted(receiver.url, timeout_s=0.1)

    assert (answer.status, answer.verdict, answer.result) == (None, "again", "timeout")
    assert answer.detail == "no answer within 0.1 s"


@pytest.mark.parametrize("said", [b"", b"no http\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000])
async def test_an_answer_that_is_none_is_a_failed_connection(said: bytes) -> None:
    async with saying(said) as url:
        came_back = await posted(f"{url}/s3cret")

    assert (came_back.verdict, came_back.result) == ("again", "connection")
    assert "s3cret" not in repr(came_back)


async def test_nobody_there_is_a_failed_connection_and_the_address_is_not_told() -> None:
    answer = await posted(f"http://user:s3cret@127.0.0.1:{free_port()}/s3cret")

    assert (answer.verdict, answer.result) == ("again", "connection")
    assert answer.detail.startswith("no connection: ")
    assert "s3cret" not in repr(answer)


async def test_a_server_without_tls_is_told_as_such() -> None:
    async with receiving() as receiver:
        answer = await posted(receiver.url.replace("http:", "https:") + "/s3cret")

    assert answer.verdict == "again"
    assert "s3cret" not in repr(answer)


def later(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("120", 120),
        ("0", 0),
        (later(90), 90),
        (later(-90), 0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
    ],
)
async def test_retry_after_is_a_number_or_a_date(header: str, wait_s: float | None) -> None:
    answers: Answers = lambda got: web.Response(status=503, headers={"retry-after": header})  # noqa: E731
    async with receiving(answers) as receiver:
        answer = await posted(receiver.url)

    assert answer.retry_after_s == wait_s


async def test_credentials_in_the_address_are_sent_as_such() -> None:
    async with receiving() as receiver:
        await posted(receiver.url.replace("http://", "http://user:word@"))

    assert receiver.got[0].headers["authorization"] == "Basic dXNlcjp3b3Jk"
