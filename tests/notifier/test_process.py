"""`deskpulse notify` as a process of its own, over a real broker, with real endpoints."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from standardwebhooks import Webhook

from schemas.topics import DEAD_LETTERS, SIGNALS
from services.adapters.event_log import ensure_topics
from services.adapters.local import free_port
from services.adapters.log_reader import Record
from services.cli import run
from services.config import Settings
from tests.notifier.receiving import SECRET, Got, eventually, receiving, signal_json
from tests.servers import Broker

PARTITIONS = 2
OLD_SECRET = "whsec_" + base64.b64encode(b"the secret of before, thirty byte").decode()
QUICK = {"first_retry": 0.05, "longest_retry": 0.1}


@dataclass
class Notifier:
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}")

    async def until_ready(self) -> None:
        async with asyncio.timeout(60), httpx.AsyncClient() as http:
            while True:
                assert self.process.poll() is None, self.log.read_text()
                try:
                    if (await http.get(f"http://127.0.0.1:{self.port}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)

    async def ended(self) -> int:
        return await asyncio.to_thread(self.process.wait, 30)


@dataclass
class Site:
    """A broker with topics, and a folder for files and logs."""

    settings: Settings
    folder: Path

    @contextmanager
    def notifier(self, *endpoints: Mapping[str, object], **environment: str) -> Iterator[Notifier]:
        file, log, port = self.folder / "endpoints.yaml", self.folder / "notifier.log", free_port()
        file.write_text(yaml.safe_dump([dict(each) for each in endpoints]))
        values = self.settings.model_dump(exclude_unset=True) | {"notifier_port": port, "signal_endpoints": file}
        ours = {f"DESKPULSE_{name.upper()}": str(value) for name, value in values.items()}
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "services", "notify"],
                env={**os.environ, **ours, **environment},
                stdout=out,
                stderr=out,
            )
        try:
            yield Notifier(process, port, log)
        finally:
            process.kill()
            process.wait()

    async def announce(self, *signals: bytes) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.settings.kafka_brokers, acks="all") as producer:
            for value in signals:
                await producer.send_and_wait(SIGNALS.name, value, json.loads(value)["ticket"].encode())

    async def dead_letters(self, count: int) -> list[Record]:
        """The first ``count``."""
        found: list[Record] = []
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka_brokers)
        async with asyncio.timeout(30), consumer:
            places = [TopicPartition(DEAD_LETTERS.name, number) for number in range(PARTITIONS)]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += records
        return found


@pytest.fixture
def site(fresh_broker: Broker, tmp_path: Path) -> Site:
    settings = Settings(
        kafka_brokers=fresh_broker.brokers, embedded_broker=True, partitions=PARTITIONS, kafka_session_timeout_s=6
    )
    asyncio.run(ensure_topics(settings))
    return Site(settings, tmp_path)


async def test_a_kill_9_loses_nothing_and_repeats_keep_their_ids_and_their_order(site: Site) -> None:
    killed = False

    async def answer(got: Got) -> int:
        if not killed and got.number >= 5:
            await asyncio.Event().wait()  # it gets no answer before it is killed
        return 200

    signals = [signal_json(number, ticket=f"acme/zendesk/{number % 7}") for number in range(30)]
    async with receiving(answer) as receiver:
        to = {"name": "pager", "url": receiver.url, "secrets": [SECRET, OLD_SECRET], **QUICK}
        with site.notifier(to) as notifier:
            await notifier.until_ready()
            await site.announce(*signals)
            await receiver.until(lambda: max(receiver.numbers, default=0) >= 5)
            notifier.process.kill()
        killed, before = True, list(receiver.got)
        with site.notifier(to):
            await receiver.until(lambda: set(receiver.numbers) == set(range(30)), 60)

    bodies = {got.id: got.body for got in before}
    assert {got.id for got in before} & {got.id for got in receiver.got[len(before) :]}, "the last one came twice"
    for got in receiver.got:
        assert bodies.setdefault(got.id, got.body) == got.body
        for secret in (SECRET, OLD_SECRET):
            assert Webhook(secret).verify(got.body, got.headers)["data"] == json.loads(signals[got.number])
    for ticket in range(7):
        first_comings = list(dict.fromkeys(n for n in receiver.numbers if n % 7 == ticket))
        assert first_comings == sorted(first_comings)


async def test_a_dead_and_a_slow_endpoint_hold_up_no_other_and_secrets_show_nowhere(site: Site) -> None:
    let_go = asyncio.Event()

    async def slow(got: Got) -> int:
        await let_go.wait()
        return 200

    def refuses(got: Got) -> web.Response:
        return web.Response(status=410, text=f"{got.path} {got.headers}")

    async with receiving() as well, receiving(slow) as stuck, receiving(refuses) as gone:
        secret_url = "/services/T123/B456/s3cr3t-p4th"
        (site.folder / "old").write_text(OLD_SECRET + "\n")
        endpoints: list[Mapping[str, object]] = [
            {"name": "dead", "url": f"http://u:s3cr3t-p4th@127.0.0.1:{free_port()}", "secrets": SECRET, **QUICK},
            {"name": "stuck", "url": stuck.url, "secret_env": "STUCK_SECRET", "pending": 2},
            {"name": "gone", "url": gone.url + secret_url, "secret_file": str(site.folder / "old")},
            {"name": "chat", "url_env": "CHAT_URL", "format": "slack", "match": {"queue": "billing"}},
        ]
        environment = {"STUCK_SECRET": SECRET, "CHAT_URL": well.url + secret_url}
        with site.notifier(*endpoints, **environment) as notifier:
            await notifier.until_ready()
            queues = ["billing", "orders"]
            told = [signal_json(number, ticket=f"t{number}", queue=queues[number % 2]) for number in range(40)]
            await site.announce(*told)
            await well.until_got(20)
            letters = await site.dead_letters(40)
            await stuck.until_got(2)
            await eventually(lambda: 'failing{endpoint="dead"} 1.0' in notifier.get("/metrics").text)
            metrics, health = notifier.get("/metrics").text, notifier.get("/healthz")
            let_go.set()
            await stuck.until_got(40)
            notifier.process.send_signal(signal.SIGTERM)
            code = await notifier.ended()
            logged = notifier.log.read_text()

    assert code == 0, logged
    assert health.json() == {"status": "ok", "broker": "up"}
    assert well.got[0].path == secret_url
    assert set(well.got[0].told) == {"text"}
    assert 'deliveries_total{endpoint="chat",outcome="delivered"} 20.0' in metrics
    assert 'deliveries_total{endpoint="gone",outcome="gone"} 40.0' in metrics
    assert 'pending{endpoint="stuck"} 2.0' in metrics
    about = {name: value.decode() for name, value in letters[0].headers}
    assert (about["endpoint"], about["detail"], about["attempts"]) == ("gone", "it answered 410", "1")
    assert about["reason"] == "undelivered"
    written = "\n".join([logged, metrics, *(f"{each.value!r}{each.headers!r}" for each in letters)])
    hidden = [SECRET, OLD_SECRET, SECRET.removeprefix("whsec_"), OLD_SECRET.removeprefix("whsec_"), "s3cr3t-p4th"]
    assert [each for each in hidden if each in written] == []
    assert "endpoint takes no signals" in logged
    assert "Traceback" not in logged


async def test_a_stop_lets_what_is_on_its_way_arrive(site: Site) -> None:
    let_go = asyncio.Event()

    async def slow(got: Got) -> int:
        await let_go.wait()
        return 200

    async with receiving(slow) as receiver:
        to = {"name": "pager", "url": receiver.url, "secrets": SECRET}
        with site.notifier(to) as notifier:
            await notifier.until_ready()
            await site.announce(signal_json(1))
            await receiver.until_got(1)
            notifier.process.send_signal(signal.SIGTERM)
            await eventually(lambda: not answers(notifier))
            let_go.set()
            assert await notifier.ended() == 0
        with site.notifier(to) as again:
            await again.until_ready()
            await site.announce(signal_json(2))
            await receiver.until_got(2)

    assert receiver.numbers == [1, 2]


def answers(notifier: Notifier) -> bool:
    try:
        return notifier.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


async def test_an_endpoint_that_never_answers_does_not_hold_up_the_stop(site: Site) -> None:
    async def never(got: Got) -> int:
        await asyncio.Event().wait()
        return 200

    async with receiving(never) as receiver:
        with site.notifier({"name": "pager", "url": receiver.url, "secrets": SECRET, "timeout": 120}) as notifier:
            await notifier.until_ready()
            await site.announce(signal_json(1))
            await receiver.until_got(1)
            notifier.process.send_signal(signal.SIGTERM)

            assert await notifier.ended() == 0


async def test_without_a_broker_it_runs_and_is_not_ready(tmp_path: Path) -> None:
    nowhere = Site(Settings(kafka_brokers=f"127.0.0.1:{free_port()}", embedded_broker=True), tmp_path)
    with nowhere.notifier({"name": "a", "url": "http://127.0.0.1:9", "secrets": SECRET}) as notifier:
        await eventually(lambda: answers(notifier))

        assert notifier.get("/readyz").status_code == 503
        assert notifier.get("/readyz").json()["waiting"] == ["a"]
        assert notifier.get("/healthz").json()["broker"] == "away"
        notifier.process.send_signal(signal.SIGINT)
        assert await notifier.ended() == 0


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (204, 0, "it answered 204 after N ms; a signal would be delivered"),
        (503, 1, "it answered 503 after N ms; a signal would be tried again later"),
        (404, 1, "it answered 404 after N ms; a signal would become a dead letter"),
    ],
)
async def test_a_test_message_says_what_came_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int, code: int, said: str
) -> None:
    async with receiving(lambda got: web.Response(status=status, text="all\nright")) as receiver:
        file = tmp_path / "endpoints.yaml"
        url = f"{receiver.url}/s3cr3t-p4th"
        file.write_text(yaml.safe_dump([{"name": "pager", "url": url, "secrets": SECRET}]))
        words = ["notify", "--test", "pager"]
        ended = await asyncio.to_thread(run, words, {"DESKPULSE_SIGNAL_ENDPOINTS": str(file)})
    output, (got,) = capsys.readouterr(), receiver.got

    assert ended == code
    line, *more = output.out.splitlines()
    took = line.partition(" after ")[2].partition(" ms")[0]
    assert line.replace(f"after {took} ms", "after N ms") == f"pager at {receiver.url}: {said}"
    assert more == ([] if status == 204 else ["it said: all right"])
    assert "s3cr3t" not in output.out + output.err
    assert Webhook(SECRET).verify(got.body, got.headers)["type"] == "deskpulse.test"
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60


@pytest.mark.parametrize(
    ("words", "environ", "said"),
    [
        (["notify"], {}, "DESKPULSE_SIGNAL_ENDPOINTS is not set"),
        (["notify", "--test", "x"], {}, "DESKPULSE_SIGNAL_ENDPOINTS is not set"),
        (
            ["notify", "--test", "x"],
            {"DESKPULSE_SIGNAL_ENDPOINTS": "FILE"},
            "no endpoint is called 'x'; there are: a",
        ),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], environ: dict[str, str], said: str
) -> None:
    file = tmp_path / "endpoints.yaml"
    file.write_text(yaml.safe_dump([{"name": "a", "url": "http://x", "secrets": SECRET}]))

    code = run(words, {name: value.replace("FILE", str(file)) for name, value in environ.items()})

    assert code == 1
    assert said in capsys.readouterr().err
