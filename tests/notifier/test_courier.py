"""One endpoint's deliveries, over a real server: retries, ends, order, and who waits for whom."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from services.adapters.webhook_metrics import WebhookMetrics
from services.notifier.courier import Courier, Surroundings
from services.notifier.health import FAILING_AFTER, Health
from services.notifier.outstanding import Delivery
from services.notifier.posting import RESULTS, open_poster
from tests.gateway.doubles import ListLog
from tests.notifier.receiving import Got, delivery, endpoint, eventually, receiving

NOW = 1_800_000_000.0


@dataclass
class World:
    courier: Courier
    event_log: ListLog
    registry: CollectorRegistry
    steady: list[float]
    """What the steady clock is ahead of the loop's, as its only item."""
    running: asyncio.Task[None] = field(init=False)
    done: list[int] = field(default_factory=list)
    """Offsets, in the order in which they were done with."""

    def take(self, *numbers: int, ticket: str | None = None, **more: Any) -> None:
        for number in numbers:
            self.courier.take(delivery(ticket or f"t{number}", number, **({"logged_at_s": NOW} | more)))

    async def until_done(self, *numbers: int) -> None:
        await eventually(lambda: set(self.done) >= set(numbers))

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, {"endpoint": "pager"} | labels) or 0.0


@asynccontextmanager
async def delivering(url: str, **changes: Any) -> AsyncIterator[World]:
    """A courier that runs; its endpoint is at ``url``."""
    to = endpoint(url, **changes)
    event_log, registry, ahead = ListLog(), CollectorRegistry(), [0.0]
    around = Surroundings(
        event_log,
        WebhookMetrics(registry, ["pager"], RESULTS),
        now=lambda: NOW,
        steady=lambda: asyncio.get_running_loop().time() + ahead[0],
    )
    async with open_poster(to, lambda: NOW) as poster:
        world = World(
            Courier(to, poster, around, lambda it: world.done.append(it.offset)), event_log, registry, ahead
        )
        world.running = asyncio.create_task(world.courier.run())
        try:
            yield world
        finally:
            world.running.cancel()
            await asyncio.gather(world.running, return_exceptions=True)
            await world.courier.settle(0)


def dead(world: World) -> list[dict[str, str]]:
    """The headers of each dead letter."""
    return [{name: value.decode() for name, value in each.headers} for each in world.event_log.dead_letters()]


async def test_a_delivery_is_tried_until_it_is_taken_and_stays_the_same() -> None:
    statuses = iter([500, 503, 429, 408, 425, 302, 200])
    async with receiving(lambda got: next(statuses)) as receiver, delivering(receiver.url) as world:
        world.take(1)
        await world.until_done(1)

    assert len(receiver.got) == 7
    assert len({(got.id, got.body) for got in receiver.got}) == 1
    assert world.metric("deskpulse_webhook_deliveries_total", outcome="delivered") == 1
    assert world.metric("deskpulse_webhook_attempts_total", result="5xx") == 2
    assert world.metric("deskpulse_webhook_attempts_total", result="4xx") == 3
    assert world.metric("deskpulse_webhook_attempts_total", result="3xx") == 1
    assert world.metric("deskpulse_webhook_attempt_seconds_count") == 7
    assert world.metric("deskpulse_webhook_delivery_seconds_count") == 1
    assert dead(world) == []


@pytest.mark.parametrize(("status", "outcome"), [(410, "gone"), (400, "refused"), (404, "refused")])
async def test_a_final_answer_is_not_argued_with(status: int, outcome: str) -> None:
    async with receiving(lambda got: status) as receiver, delivering(receiver.url) as world:
        world.take(1)
        await world.until_done(1)

    assert len(receiver.got) == 1
    assert world.metric("deskpulse_webhook_deliveries_total", outcome=outcome) == 1
    (record,) = world.event_log.dead_letters()
    assert record.value == bytes(delivery("t1", 1).signal.whole)
    assert dead(world) == [
        {
            "reason": "undelivered",
            "endpoint": "pager",
            "detail": f"it answered {status}",
            "attempts": "1",
            "signal_id": f"sig_{1:032x}",
        }
    ]


async def test_what_is_too_old_is_tried_once_and_then_a_dead_letter() -> None:
    async with receiving(lambda got: 503) as receiver, delivering(receiver.url, give_up_after_s=60) as world:
        world.take(1, logged_at_s=NOW - 61)
        await world.until_done(1)

    assert [(each["detail"], each["attempts"]) for each in dead(world)] == [("it answered 503", "1")]
    assert world.metric("deskpulse_webhook_deliveries_total", outcome="given_up") == 1


async def test_a_dead_letter_waits_for_a_broker_and_the_signal_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notifier.courier.APPEND_AGAIN_S", 0.01)
    async with receiving(lambda got: 410) as receiver, delivering(receiver.url) as world:
        world.event_log.connected = False
        world.take(1)
        await receiver.until_got(1)
        await eventually(lambda: world.metric("deskpulse_webhook_attempts_total", result="4xx") == 1)
        assert world.done == []

        world.event_log.connected = True
        await world.until_done(1)

    assert len(receiver.got) == 1
    assert len(dead(world)) == 1


async def test_a_ticket_s_signals_keep_their_order_whatever_fails() -> None:
    failures = {1: 3, 2: 1, 4: 2}

    def flaky(got: Got) -> int:
        failures[got.number] = failures.get(got.number, 0) - 1
        return 500 if failures[got.number] >= 0 else 200

    async with receiving(flaky) as receiver, delivering(receiver.url) as world:
        world.take(1, 2, 3, 4, 5, ticket="one and the same")
        await world.until_done(5)

    assert world.done == [1, 2, 3, 4, 5]
    assert receiver.numbers == [1, 1, 1, 1, 2, 2, 3, 4, 4, 4, 5]


async def test_a_withdrawal_goes_after_what_it_withdraws_even_when_that_was_refused() -> None:
    async with receiving(lambda got: 400 if got.number == 1 else 200) as receiver, delivering(receiver.url) as world:
        world.take(1, ticket="t")
        world.take(2, ticket="t", type="sla.withdrawn", withdraws=f"sig_{1:032x}", withdrawn_type="sla.breached")
        await world.until_done(2)

    assert receiver.numbers == [1, 2]
    assert world.done == [1, 2]


async def test_who_waits_for_a_retry_holds_up_no_other_ticket() -> None:
    async with (
        receiving(lambda got: 503 if got.number == 0 else 200) as receiver,
        delivering(receiver.url, in_flight=2, first_retry_s=600.0, longest_retry_s=600.0) as world,
    ):
        world.take(*range(50))
        await world.until_done(*range(1, 50))
        assert 0 not in world.done
        assert world.metric("deskpulse_webhook_pending") == 1


async def test_who_is_slow_holds_up_no_other_ticket() -> None:
    let_go = asyncio.Event()

    async def slow(got: Got) -> int:
        if got.number == 0:
            await let_go.wait()
        return 200

    async with receiving(slow) as receiver, delivering(receiver.url, in_flight=2) as world:
        world.take(*range(50))
        await world.until_done(*range(1, 50))
        assert 0 not in world.done
        let_go.set()
        await world.until_done(0)


async def test_no_more_requests_at_once_than_the_endpoint_takes() -> None:
    at_once, most = 0, 0

    async def counted(got: Got) -> int:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return 200

    async with receiving(counted) as receiver, delivering(receiver.url, in_flight=3) as world:
        world.take(*range(100))
        await world.until_done(*range(100))

    assert most == 3


async def test_too_many_requests_quiets_the_whole_endpoint_for_as_long_as_it_says() -> None:
    busy = web.Response(status=429, headers={"retry-after": "30"})
    answers = iter([busy])
    async with (
        receiving(lambda got: next(answers, 200)) as receiver,
        delivering(receiver.url, in_flight=1, longest_retry_s=60.0) as world,
    ):
        world.take(1)
        await eventually(lambda: world.metric("deskpulse_webhook_attempts_total", result="4xx") == 1)
        world.take(2)
        await asyncio.sleep(0.1)  # in which it could come, if it were not held back
        assert receiver.numbers == [1]

        world.steady[0] = 30.1
        world.take(3)
        await world.until_done(1, 2, 3)

    assert set(receiver.numbers[1:]) == {1, 2, 3}


async def test_an_endpoint_that_fails_is_asked_one_thing_at_a_time_and_gets_all_when_it_is_back() -> None:
    well, at_once, most = False, 0, 0

    async def answer(got: Got) -> int:
        nonlocal at_once, most
        at_once += 1
        if len(receiver.got) > 8 + FAILING_AFTER:
            most = max(most, at_once)
        await asyncio.sleep(0.002)
        at_once -= 1
        return 200 if well else 503

    async with (
        receiving(answer) as receiver,
        delivering(receiver.url, first_retry_s=5000.0, longest_retry_s=5000.0) as world,
    ):
        world.take(*range(30))
        await receiver.until_got(30)
        await eventually(lambda: world.metric("deskpulse_webhook_attempts_total", result="5xx") == 30)
        assert world.metric("deskpulse_webhook_failing") == 1
        assert most == 1

        well = True
        world.take(30)  # goes at once; the others would wait for up to an hour
        await world.until_done(*range(31))
        assert world.metric("deskpulse_webhook_failing") == 0


def test_health_fails_after_several_failures_in_a_row_and_not_before() -> None:
    health = Health(in_flight=8)
    assert [health.failed() for _ in range(FAILING_AFTER - 1)] == [False] * (FAILING_AFTER - 1)
    assert not health.answered()
    assert health.at_once == 8

    assert [health.failed() for _ in range(FAILING_AFTER + 1)] == [False] * (FAILING_AFTER - 1) + [True, False]
    assert health.at_once == 1
    assert health.answered()
    assert health.at_once == 8
    assert health.failed(quiet_until=7) is False
    assert health.failed() is False
    assert health.quiet_until == 7


async def test_settling_lets_attempts_end_and_forgets_what_waits() -> None:
    let_go = asyncio.Event()

    async def slow(got: Got) -> int:
        await let_go.wait()
        return 200

    async with receiving(slow) as receiver, delivering(receiver.url, in_flight=2) as world:
        world.take(1, 2, 3)
        await receiver.until_got(2)
        settled = asyncio.create_task(world.courier.settle(20))
        await asyncio.sleep(0)
        let_go.set()
        await settled

        assert sorted(world.done) == [1, 2]
        assert world.metric("deskpulse_webhook_pending") == 0
        world.courier.resume()
        world.take(4)
        await world.until_done(4)
    assert sorted(receiver.numbers) == [1, 2, 4]


async def test_settling_cuts_off_what_takes_too_long() -> None:
    async def never(got: Got) -> int:
        await asyncio.Event().wait()
        return 200

    async with receiving(never) as receiver, delivering(receiver.url, timeout_s=60.0) as world:
        world.take(1)
        await receiver.until_got(1)
        await world.courier.settle(0.01)

        assert world.done == []
        assert world.courier.room == 256


async def test_a_full_courier_says_when_it_has_room() -> None:
    let_go = asyncio.Event()

    async def slow(got: Got) -> int:
        await let_go.wait()
        return 200

    async with receiving(slow) as receiver, delivering(receiver.url, pending=2) as world:
        world.take(1)
        await world.courier.has_room()
        world.take(2)
        waiting = asyncio.create_task(world.courier.has_room())
        await receiver.until_got(2)
        assert not waiting.done()
        let_go.set()
        await waiting


async def test_what_nobody_expected_ends_the_courier() -> None:
    async with receiving() as receiver, delivering(receiver.url) as world:
        broken: Delivery = delivery("t", 1)
        broken.attempts = None  # type: ignore[assignment]
        world.courier.take(broken)
        with pytest.raises(TypeError):
            await world.running
