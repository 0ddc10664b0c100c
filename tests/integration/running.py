"""The whole system as `deskpulse up` starts it, from the outside."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from services.adapters.local import free_port
from tests.processes import eventually, family
from tests.servers import Broker

START_S = 60
PARTITIONS = 2
TOKEN = "a-token"


@dataclass(frozen=True)
class Running:
    """Where the programs of one `up` answer."""

    process: "subprocess.Popen[bytes]"
    gateway: str
    processor: str
    board: str
    output: Path

    def wall(self) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.get(f"{self.board}/api/v1/wall").raise_for_status().json()
        return answer


def beside(broker: Broker, redis_url: str, name: str) -> dict[str, object]:
    """Settings of an `up` that uses a broker and a store of ours, with a state of its own."""
    return {
        "kafka_brokers": broker.brokers,
        "embedded_broker": broker.embedded,
        "redis_url": redis_url,
        "namespace": f"{name}-{'embedded' if broker.embedded else 'kafka'}",
        "partitions": PARTITIONS,
        "kafka_session_timeout_s": 6,
        "events_token": TOKEN,
    }


@contextmanager
def up(folder: Path, *words: str, **settings: object) -> Iterator[Running]:
    """`deskpulse up` with ``words`` and settings; ended by Ctrl-C, after which no process may be left."""
    ports = {name: free_port() for name in ("gateway", "processor", "board")}
    values = {f"{name}_port": port for name, port in ports.items()} | settings
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DESKPULSE_")}
    environment |= {f"DESKPULSE_{name.upper()}": str(value) for name, value in values.items()}
    output = folder / "up.log"
    with output.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "services", "up", *words], env=environment, stdout=out, stderr=out
        )
    address = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    running = Running(process, address["gateway"], address["processor"], address["board"], output)
    try:
        if not eventually(lambda: "Ctrl-C" in output.read_text() or process.poll() is not None, START_S):
            raise AssertionError(f"no addresses after {START_S} s")
        yield running
        everybody = family(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert eventually(lambda: not any(family(pid) for pid in everybody))
    except BaseException:
        print(output.read_text(errors="replace")[-5000:])
        raise
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
