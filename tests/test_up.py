"""`deskpulse up` starts everything, and leaves nothing behind however it ends. The programs are stubs here."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.adapters import local
from services.config import Settings
from services.errors import Misconfigured
from services.up import main
from tests.processes import alive, eventually, family

ROOT = Path(__file__).parents[1]
DRIVER = """
import os, sys
from services import up
from services.config import Settings
up.COMMAND = (sys.executable, "tests/stub_program.py")
up.main(Settings.from_env(os.environ), simulator="--no-simulator" not in sys.argv)
"""
PROGRAMS = ["board", "gateway", "processor", "simulate"]


@pytest.fixture
def ports() -> dict[str, str]:
    names = ("GATEWAY", "PROCESSOR", "BOARD")
    return {f"DESKPULSE_{name}_PORT": str(local.free_port()) for name in names}


@contextmanager
def running(directory: Path, environment: dict[str, str], *options: str) -> Iterator[subprocess.Popen[str]]:
    """`deskpulse up`, once all of its programs run."""
    for name in [*PROGRAMS, "notify"]:
        (directory / f"{name}.json").unlink(missing_ok=True)
    up = subprocess.Popen(
        [sys.executable, "-c", DRIVER, *options],
        cwd=ROOT,
        env={**os.environ, **environment, "STUB_DIRECTORY": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    expected = [name for name in PROGRAMS if name != "simulate" or "--no-simulator" not in options]
    expected += ["notify"] if "DESKPULSE_SIGNAL_ENDPOINTS" in environment else []
    with up:
        try:
            assert eventually(lambda: up.poll() is not None or _told(directory, expected)), "it does not start"
            assert up.poll() is None, up.stderr.read() if up.stderr else ""
            yield up
        finally:
            up.kill()


def _told(directory: Path, programs: list[str]) -> bool:
    return all((directory / f"{name}.json").exists() for name in programs)


def _settings(directory: Path, program: str) -> dict[str, str]:
    read: dict[str, str] = json.loads((directory / f"{program}.json").read_text())
    return read


@pytest.mark.parametrize("to_group", [True, False], ids=["to the group", "to the parent alone"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything(
    tmp_path: Path, ports: dict[str, str], number: signal.Signals, to_group: bool
) -> None:
    with running(tmp_path, ports) as up:
        pids = family(up.pid)
        (os.killpg if to_group else os.kill)(up.pid, number)
        _, errors = up.communicate(timeout=30)

    assert len(pids) == 7
    assert not any(alive(pid) for pid in pids)
    assert up.returncode == 0, errors
    assert errors.splitlines() == ["deskpulse starts ...", "deskpulse has ended."]


def test_kill_9_leaves_no_process_and_a_second_start_works_at_once(tmp_path: Path, ports: dict[str, str]) -> None:
    with running(tmp_path, ports) as up:
        pids = family(up.pid)
        up.kill()
    with running(tmp_path, ports) as again:
        assert not any(alive(pid) for pid in pids)
        again.terminate()
        again.communicate(timeout=30)

    assert again.returncode == 0


def test_the_addresses_are_printed_once_they_answer(tmp_path: Path, ports: dict[str, str]) -> None:
    with running(tmp_path, ports) as up:
        up.terminate()
        said, _ = up.communicate(timeout=30)

    assert f"http://localhost:{ports['DESKPULSE_BOARD_PORT']}/" in said
    assert f"http://localhost:{ports['DESKPULSE_GATEWAY_PORT']}/webhooks/<vendor>/<tenant>" in said
    assert f"http://localhost:{ports['DESKPULSE_PROCESSOR_PORT']}/metrics" in said


def test_all_programs_get_the_same_settings(tmp_path: Path, ports: dict[str, str]) -> None:
    with running(tmp_path, ports) as up:
        told = [_settings(tmp_path, name) for name in PROGRAMS]
        up.terminate()
        up.communicate(timeout=30)

    settings = Settings.from_env(told[0])
    assert all(other == told[0] for other in told)
    assert settings.embedded_broker
    assert settings.kafka_session_timeout_s == 6
    assert settings.webhook_secrets.get_secret_value().startswith("zendesk/demo=")
    assert settings.events_token is not None
    assert settings.privacy_key is not None
    assert settings.policy == ROOT / "services" / "simulator" / "policy.yaml"


def test_a_named_broker_and_store_are_used(tmp_path: Path, ports: dict[str, str]) -> None:
    theirs = {"DESKPULSE_KAFKA_BROKERS": "kafka.test:9092", "DESKPULSE_REDIS_URL": "redis://redis.test:6379/0"}

    with running(tmp_path, ports | theirs, "--no-simulator") as up:
        told = _settings(tmp_path, "processor")
        pids = family(up.pid)
        up.terminate()
        up.communicate(timeout=30)

    assert len(pids) == 4
    assert theirs.items() <= told.items()
    assert "DESKPULSE_EMBEDDED_BROKER" not in told
    assert "DESKPULSE_POLICY" not in told


def test_a_notifier_runs_where_somebody_gets_signals(tmp_path: Path, ports: dict[str, str]) -> None:
    somebody = {"DESKPULSE_SIGNAL_ENDPOINTS": "endpoints.yaml", "DESKPULSE_NOTIFIER_PORT": str(local.free_port())}

    with running(tmp_path, ports | somebody) as up:
        told = _settings(tmp_path, "notify")
        pids = family(up.pid)
        up.terminate()
        said, _ = up.communicate(timeout=30)

    assert len(pids) == 8
    assert somebody.items() <= told.items()
    assert f"http://localhost:{somebody['DESKPULSE_NOTIFIER_PORT']}/metrics (notifier)" in said


def test_a_port_in_use_is_named_with_its_setting_and_nothing_starts(ports: dict[str, str]) -> None:
    before = family(os.getpid())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings.from_env(ports | {"DESKPULSE_BOARD_PORT": str(port)})

        with pytest.raises(Misconfigured, match=rf"port {port} on 127\.0\.0\.1 is in use.*DESKPULSE_BOARD_PORT"):
            main(settings, simulator=True)

    assert family(os.getpid()) == before


def test_one_port_for_two_programs_is_refused(ports: dict[str, str]) -> None:
    same = ports | {"DESKPULSE_BOARD_PORT": ports["DESKPULSE_GATEWAY_PORT"]}

    with pytest.raises(Misconfigured, match="DESKPULSE_BOARD_PORT and DESKPULSE_GATEWAY_PORT are both"):
        main(Settings.from_env(same), simulator=True)


def test_a_store_that_outlives_the_embedded_broker_is_refused(ports: dict[str, str]) -> None:
    settings = Settings.from_env(ports | {"DESKPULSE_REDIS_URL": "redis://localhost:6379/0"})

    with pytest.raises(Misconfigured, match="set both or neither"):
        main(settings, simulator=False)
