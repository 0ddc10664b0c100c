"""Another state beside the live one, made from the same log, and the switch to it: real processes, both brokers."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from redis import Redis

from schemas.topics import MEASURED
from services.adapters.local import free_port
from services.adapters.namespaces import pointer_key, presence_channel
from tests.faults.workers import (
    PARTITIONS,
    Plant,
    applied,
    crew,
    produce,
    rules_of,
    sent_by_helpdesks,
    until,
    wrong_cells,
)
from tests.recount import merged, recounted_together
from tests.servers import Broker
from tests.state import next_of
from tests.traffic import POLICY_FILE, simulated

EVENTS = simulated(days=0.4)
WITHIN_S = 120


@pytest.fixture
def plant(broker: Broker, fresh_topics: None, redis_url: str, namespace: str) -> Iterator[Plant]:
    redis = Redis.from_url(redis_url)
    yield Plant(broker, redis_url, redis, namespace)
    redis.close()


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The centre's policy, but that its last promise holds for everybody, and that bots answer."""
    document = yaml.safe_load(POLICY_FILE.read_text())
    document["sla"]["policies"] = document["sla"]["policies"][-1:]
    document["first_response"] = {"bot_counts": True}
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


class Command:
    """One `deskpulse` command line, as a process."""

    def __init__(self, plant: Plant, log: Path, *words: str, **changes: object) -> None:
        self._log = log
        values = plant.settings.model_dump(exclude_unset=True) | changes
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DESKPULSE_")}
        environment |= {f"DESKPULSE_{name.upper()}": str(value) for name, value in values.items()}
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services", *words], env=environment, stdout=out, stderr=out
            )

    @property
    def text(self) -> str:
        return self._log.read_text(errors="replace")

    async def exit_code(self) -> int:
        await until(lambda: self.process.poll() is not None, WITHIN_S)
        assert self.process.returncode is not None
        return self.process.returncode

    async def says(self, text: str) -> None:
        """Return once it does; it must not end before."""
        await until(lambda: text in self.text or self.process.poll() is not None, WITHIN_S)
        assert text in self.text, self.text


@dataclass
class Commands:
    """Starts commands; all are ended with the test, and what they said is shown if it fails."""

    plant: Plant
    folder: Path
    started: list[Command] = field(default_factory=list)

    def start(self, *words: str, **changes: object) -> Command:
        self.started.append(Command(self.plant, self.folder / f"command-{len(self.started)}.log", *words, **changes))
        return self.started[-1]

    async def run(self, *words: str, **changes: object) -> tuple[int, str]:
        command = self.start(*words, **changes)
        return await command.exit_code(), command.text


@pytest.fixture
def commands(plant: Plant, tmp_path: Path) -> Iterator[Commands]:
    commands = Commands(plant, tmp_path)
    yield commands
    for command in commands.started:
        if command.process.poll() is None:
            command.process.kill()
        command.process.wait()
        print(f"--- {command.process.args!r}, exit code {command.process.returncode}\n{command.text[-3000:]}")


def beside(plant: Plant, policy: Path) -> Plant:
    """The other state."""
    return replace(plant, namespace=f"{plant.namespace}-b", policy=policy)


def replay(other: Plant, *words: str) -> Sequence[str]:
    return ["replay", "--policy", str(other.policy), "--namespace", other.namespace, *words]


def taken_in(plant: Plant) -> int:
    """How many records the state has taken in."""
    places = [(topic.stream, partition) for topic in MEASURED for partition in range(PARTITIONS)]
    return sum(next_of(plant.redis, plant.namespace, *place) for place in places)


def policies_differ(log: Any, first: Path, second: Path) -> bool:
    facts = sent_by_helpdesks(log)
    one, two = (merged(recounted_together(facts, rules_of(policy)).values()) for policy in (first, second))
    return one != two


async def test_a_replay_is_a_recount_under_the_other_policy(plant: Plant, other: Path, commands: Commands) -> None:
    await plant.make_topics()
    await produce(plant, EVENTS)
    whatif = beside(plant, other)

    code, said = await commands.run(*replay(whatif, "--no-follow"))

    assert code == 0
    assert f"{whatif.namespace} is up to date." in said
    assert f"deskpulse switch {whatif.namespace}" in said
    before = taken_in(whatif)
    log = await applied(whatif, len(EVENTS))
    assert taken_in(whatif) == before, "up to date: there was nothing more to take in"
    assert wrong_cells(whatif, log) == []
    assert policies_differ(log, plant.policy, other)


@pytest.mark.parametrize("broker", ["embedded"], indirect=True, scope="module")
async def test_a_replay_goes_on_after_a_kill_and_after_ctrl_c(plant: Plant, other: Path, commands: Commands) -> None:
    await plant.make_topics()
    await produce(plant, EVENTS)
    whatif = beside(plant, other)

    first = commands.start(*replay(whatif, "--no-follow"))
    await until(lambda: taken_in(whatif) > 0, WITHIN_S)
    first.process.kill()
    killed_at = taken_in(whatif)
    second = commands.start(*replay(whatif))
    await until(lambda: taken_in(whatif) > killed_at, WITHIN_S)
    second.process.send_signal(signal.SIGINT)
    code = await second.exit_code()
    ended_at = taken_in(whatif)
    assert 0 < killed_at < ended_at < len(EVENTS), "each was broken off in the middle"
    assert code == 130
    assert f"deskpulse replay --policy {other} --namespace {whatif.namespace}" in second.text

    code, _ = await commands.run(*replay(whatif, "--no-follow"))

    assert code == 0
    assert wrong_cells(whatif, await applied(whatif, len(EVENTS))) == []


@pytest.mark.parametrize("broker", ["embedded"], indirect=True, scope="module")
async def test_what_a_replay_refuses(plant: Plant, other: Path, commands: Commands, tmp_path: Path) -> None:
    await plant.make_topics()
    await produce(plant, EVENTS[:500])
    whatif, wrong = beside(plant, other), tmp_path / "wrong.yaml"
    wrong.write_text("sla:\n  at_risk_ratoi: 1\n")
    code, _ = await commands.run(*replay(whatif, "--no-follow"))
    assert code == 0

    for words, sentence in (
        (replay(replace(whatif, namespace=plant.namespace)), f"{plant.namespace} is live"),
        (replay(replace(whatif, policy=POLICY_FILE)), f"{whatif.namespace} holds a state made under another policy"),
        (replay(replace(whatif, policy=wrong)), "wrong.yaml: line 2"),
        (replay(replace(whatif, namespace="What if")), "is no name of a namespace"),
        (["replay", "--namespace", f"{plant.namespace}-c"], "name a policy file with --policy"),
    ):
        code, said = await commands.run(*words)
        assert (code, sentence in said) == (1, True), said
    assert wrong_cells(whatif, await applied(whatif, 500)) == [], "nothing of it has changed anything"

    code, said = await commands.run(*replay(replace(whatif, policy=POLICY_FILE), "--no-follow", "--anew"))
    assert code == 0
    assert f"Deleting what {whatif.namespace} holds: " in said
    assert wrong_cells(replace(whatif, policy=POLICY_FILE), await applied(whatif, 500)) == []


@dataclass
class Watcher:
    """Looks at a board without a pause, and at its stream."""

    address: str
    namespaces: list[str] = field(default_factory=list)
    totals: list[int | None] = field(default_factory=list)
    streamed: list[int | None] = field(default_factory=list)
    stream_ended: bool = False

    def look(self, over: threading.Event) -> None:
        with httpx.Client(base_url=self.address, timeout=20) as client:
            while not over.is_set():
                self.totals.append(client.get("/api/v1/wall").raise_for_status().json()["backlog"]["total"])
                health = client.get("/healthz").raise_for_status().json()
                assert health["policy"] == "same"
                if health["namespace"] not in self.namespaces:
                    self.namespaces.append(health["namespace"])

    def listen(self, over: threading.Event) -> None:
        with httpx.stream("GET", f"{self.address}/api/v1/stream", timeout=20) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    self.streamed.append(httpx.Response(200, text=line[5:]).json()["backlog"]["total"])
                if over.is_set():
                    return
        self.stream_ended = True


@contextmanager
def watching(address: str) -> Iterator[Watcher]:
    """Watch a board while the block runs. What the watcher runs into fails the test."""
    watcher, over, failures = Watcher(address), threading.Event(), []

    def guarded(work: Any) -> None:
        try:
            work(over)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (watcher.look, watcher.listen)]
    for thread in threads:
        thread.start()
    try:
        yield watcher
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failures == []


async def backlog(address: str) -> int | None:
    async with httpx.AsyncClient(timeout=20) as client:
        with suppress(httpx.TransportError):
            total: int | None = (await client.get(f"{address}/api/v1/wall")).json()["backlog"]["total"]
            return total
    return None


@pytest.mark.parametrize("broker", ["kafka"], indirect=True, scope="module")
async def test_a_switch_leaves_no_gap_and_can_be_taken_back(
    plant: Plant, other: Path, commands: Commands, tmp_path: Path
) -> None:
    await plant.make_topics()
    half, part = len(EVENTS) // 2, len(EVENTS) * 3 // 4
    await produce(plant, EVENTS[:half])
    whatif, port = beside(plant, other), free_port()
    address = f"http://127.0.0.1:{port}"
    with crew(plant, tmp_path) as hire:
        hire(), hire()
        commands.start("board", board_port=port)
        await applied(plant, half)
        await until_shown(address)
        replaying = commands.start(*replay(whatif))
        await replaying.says("is up to date. It stays so until Ctrl-C.")

        with watching(address) as watcher:
            load = asyncio.create_task(produce(plant, EVENTS[half : part - 200], pause_s=0.3, chunk=20))
            code, said = await commands.run("switch", whatif.namespace)
            assert code == 0, said
            assert f"With {whatif.namespace} after " in said
            assert "2 processors and 1 board." in said
            await load
            await produce(plant, EVENTS[part - 200 : part])  # the state before the switch has no part in these
            log = await applied(whatif, part)
            assert await replaying.exit_code() == 0
        assert watcher.namespaces == [plant.namespace, whatif.namespace]
        assert not any(total in (None, 0) for total in (*watcher.totals, *watcher.streamed))
        assert not watcher.stream_ended
        assert wrong_cells(whatif, log) == []

        hire()
        await until(lambda: processors_with(plant, whatif.namespace) == 3, WITHIN_S)
        code, said = await commands.run("switch", "--back")
        assert code == 1
        assert f"{plant.namespace} lacks " in said
        assert f"deskpulse replay --namespace {plant.namespace}" in said
        await bring_up_to_date(commands, plant)

        with watching(address) as watcher:
            code, said = await commands.run("switch", "--back")
            assert code == 0, said
            assert f"With {plant.namespace} after " in said
            assert "3 processors and 1 board." in said
            await produce(plant, EVENTS[part:])
            log = await applied(plant, len(EVENTS))
        assert watcher.namespaces[-1] == plant.namespace
        assert not any(total in (None, 0) for total in (*watcher.totals, *watcher.streamed))
        assert wrong_cells(plant, log) == []


def processors_with(plant: Plant, namespace: str) -> int:
    """How many of a plant's processors make that state."""
    [(_, count)] = plant.redis.pubsub_numsub(presence_channel(plant.namespace, "processors", namespace))
    return int(count)


async def until_shown(address: str) -> None:
    async def shown() -> bool:
        return bool(await backlog(address))

    await until(shown, WITHIN_S)


async def bring_up_to_date(commands: Commands, plant: Plant) -> None:
    """As the sentence says: under the policy that was kept."""
    catching_up = commands.start("replay", "--namespace", plant.namespace)
    await catching_up.says("is up to date.")


@pytest.mark.parametrize("broker", ["embedded"], indirect=True, scope="module")
async def test_what_a_switch_refuses(plant: Plant, other: Path, commands: Commands) -> None:
    await plant.make_topics()
    await produce(plant, EVENTS[:500])
    whatif = beside(plant, other)

    code, said = await commands.run("switch", whatif.namespace)
    assert (code, f"there is no state in {whatif.namespace}" in said) == (1, True), said
    code, said = await commands.run("switch", "--back")
    assert (code, "nothing was switched yet" in said) == (1, True), said
    await commands.run(*replay(whatif, "--no-follow"))
    await produce(plant, EVENTS[500:600])
    code, said = await commands.run("switch", whatif.namespace)
    assert (code, "events of the log, and nobody keeps it up to date" in said) == (1, True), said
    assert plant.redis.get(pointer_key(plant.namespace)) is None

    code, said = await commands.run("forget", whatif.namespace)
    assert (code, f"Deleting what {whatif.namespace} holds: " in said, taken_in(whatif)) == (0, True, 0), said
    await commands.run(*replay(whatif, "--no-follow"))
    code, said = await commands.run("switch", whatif.namespace)
    assert code == 0, said
    assert f"With {whatif.namespace} after " in said
    assert "0 processors and 0 boards." in said

    code, said = await commands.run("forget", whatif.namespace)
    assert (code, f"{whatif.namespace} is live" in said) == (1, True), said
    code, said = await commands.run("switch", "--back")
    assert (code, f"there is no state in {plant.namespace}" in said) == (1, True), said
