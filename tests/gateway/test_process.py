"""The gateway as a process of its own, on a socket, over a real broker."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.adapters.local import free_port
from services.adapters.serving import listening
from services.errors import Misconfigured
from tests.processes import eventually
from tests.servers import Broker

PROGRAM = """
import os
from services.config import Settings
from services.gateway.app import main
main(Settings.from_env(os.environ))
"""
EVENT = {"type": "ticket.created", "event_id": "e", "occurred_at": "2026-03-10T09:00:00Z", "ticket_id": "1"}
BEARER = {"Authorization": "Bearer t"}


@contextmanager
def gateway(port: int, brokers: str) -> Iterator["subprocess.Popen[str]"]:
    ours = {
        "DESKPULSE_KAFKA_BROKERS": brokers,
        "DESKPULSE_EMBEDDED_BROKER": "true",
        "DESKPULSE_GATEWAY_PORT": str(port),
        "DESKPULSE_EVENTS_TOKEN": "t",
        "DESKPULSE_ACK_TIMEOUT_S": "2",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **ours}, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def post(port: int, event: object = EVENT) -> httpx.Response:
    return httpx.post(f"http://127.0.0.1:{port}/events", json=event, headers=BEARER, timeout=30)


async def newest(brokers: str) -> set[str]:
    """The ticket ids on the log."""
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition("deskpulse.tickets", partition) for partition in range(8)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        by_place = await consumer.getmany(timeout_ms=2000)
        return {json.loads(each.value or b"")["ticket_id"] for met in by_place.values() for each in met}
    finally:
        await consumer.stop()


def test_what_is_answered_200_is_on_the_log_and_a_stop_is_orderly(fresh_broker: Broker) -> None:
    port = free_port()
    with gateway(port, fresh_broker.brokers) as process:
        assert eventually(lambda: answers(port))
        answer = post(port, [{**EVENT, "ticket_id": f"p-{number}"} for number in range(3)])
        process.send_signal(signal.SIGTERM)
        _, logged = process.communicate(timeout=20)

    assert (answer.status_code, answer.json()) == (200, {"accepted": 3})
    assert process.returncode == 0, logged
    assert "Traceback" not in logged
    with asyncio.Runner() as runner:
        assert {"p-0", "p-1", "p-2"} <= runner.run(newest(fresh_broker.brokers))


def test_a_request_that_was_accepted_is_finished_before_the_stop(fresh_broker: Broker) -> None:
    port, body = free_port(), json.dumps(EVENT).encode()
    head = (
        "POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with gateway(port, fresh_broker.brokers) as process:
        assert eventually(lambda: answers(port))
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(head.encode() + body[:10])
            assert eventually(lambda: 'requests_total{source="events"} 1.0' in metrics(port))
            process.send_signal(signal.SIGTERM)
            assert eventually(lambda: not answers(port))
            connection.sendall(body[10:])
            answer = connection.recv(65536).decode()
        assert process.wait(timeout=20) == 0

    assert answer.startswith("HTTP/1.1 200")


def metrics(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}/metrics").text


def test_without_a_broker_it_starts_and_answers_503() -> None:
    port = free_port()
    with gateway(port, f"127.0.0.1:{free_port()}") as process:
        assert eventually(lambda: answers(port))
        answer = post(port)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0

    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_a_port_in_use_is_named_with_its_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            Misconfigured, match=rf"port {port} on 127\.0\.0\.1 is in use; set DESKPULSE_GATEWAY_PORT"
        ):
            listening("127.0.0.1", port, "DESKPULSE_GATEWAY_PORT")


def test_headers_without_end_are_cut_off(fresh_broker: Broker) -> None:
    port = free_port()
    with gateway(port, fresh_broker.brokers):
        assert eventually(lambda: answers(port))
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            assert cut_off(connection)
        assert answers(port)


def cut_off(connection: socket.socket) -> bool:
    """Whether the other side closes while we send header after header."""
    try:
        connection.sendall(b"POST /events HTTP/1.1\r\n")
        for number in range(4096):
            connection.sendall(f"x-{number}: {'y' * 100}\r\n".encode())
        return connection.recv(100) == b""
    except ConnectionError:
        return True
