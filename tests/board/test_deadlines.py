"""Which promises the wall shows one by one, and what is read for that."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

import pytest
from redis.asyncio import Redis

from schemas.codec import Fact, Millis, pack_facts
from schemas.topics import Topic
from services.adapters.entities import Entities, partition_of
from services.adapters.state_layout import META, entity_field, tickets_field
from services.adapters.state_store import StateStore
from services.board import deadlines
from services.board.columns import Columns
from services.board.deadlines import Lookout, Running
from services.core.exchange import exchanged
from services.core.rules import Rules
from services.core.tally import HOUR_MS, MINUTE_MS, Cells, spread
from services.errors import Unavailable
from tests.board.stored import PARTITIONS, store_state
from tests.core.stories import OFFICE, answer, assigned, at, becomes, created, merged, of, promise, rules, sla, solved

RULES = rules(sla(promise({"first_response": 3600, "resolution": 7200}), pause={"resolution": ["pending"]}))
NOW = at("12:00")


class Counted(Entities):
    """Notes what is read."""

    def __init__(self, store: StateStore) -> None:
        super().__init__(store, PARTITIONS)
        self.hours: list[int] = []
        self.tickets: list[str] = []
        self.away = False

    async def timelines(self, topic: Topic, keys: Iterable[str]) -> Mapping[str, list[Fact]]:
        if self.away:
            raise Unavailable("the store does not answer")
        keys = list(keys)
        self.tickets += keys
        return await super().timelines(topic, keys)

    async def tickets_of(self, hours: Sequence[int]) -> Mapping[int, list[str]]:
        self.hours += hours
        return await super().tickets_of(hours)


class Centre:
    """A state in the store, and who looks out over it."""

    def __init__(self, store: StateStore, its: Rules) -> None:
        self._store = store
        self._rules = its
        self.entities = Counted(store)
        self.columns = Columns()
        self.changed = asyncio.Event()
        self.lookout = Lookout(self.entities, its, self.columns, lambda: NOW, self.changed)

    async def opens(self, *facts: Fact) -> None:
        """The state is that of ``facts``."""
        await store_state(self._store, facts, self._rules, NOW)
        self._count(facts)

    async def becomes(self, ticket: str, *facts: Fact) -> None:
        """A write changes a ticket, and is announced."""
        shard = "tickets", partition_of(ticket, PARTITIONS)
        began, _ = await self._store.read(*shard, [META])
        field = entity_field(ticket)
        timeline = sorted((fact for fact in facts if fact.entity == ticket), key=lambda fact: fact.at)
        await self._store.write(*shard, began=began, ends=began + 1, changes={field: pack_facts(timeline)})
        self._count(facts)
        self.lookout.hear([META, field, tickets_field(0)])

    def _count(self, facts: Sequence[Fact]) -> None:
        cells: Cells = {}
        for entity in exchanged(facts, self._rules).values():
            spread(entity.told.tallies, cells)
        # The same object as the lookout's, as a follower would keep it up.
        self.columns.__dict__.update(Columns.of(cells).__dict__)

    async def shown(self, now: Millis = NOW) -> list[Running]:
        await self.lookout.look(now)
        shown = self.lookout.shown(now)
        assert shown is not None
        return shown


@pytest.fixture
async def store(store_url: str, namespace: str) -> AsyncIterator[StateStore]:
    async with Redis.from_url(store_url) as redis:
        yield StateStore(redis, namespace)


@pytest.fixture
def centre(store: StateStore) -> Centre:
    return Centre(store, RULES)


def seen(shown: Sequence[Running], now: Millis = NOW) -> list[tuple[str, str, str]]:
    return [(its.ticket, its.metric, "overdue" if its.overdue(now) else "at risk") for its in shown]


async def test_what_is_at_risk_comes_in_the_order_of_its_deadlines(centre: Centre) -> None:
    await centre.opens(
        created("10:20", queue="late"),
        answer("10:30"),
        *of("T2", created("11:05", queue="first")),
        *of("T3", created("10:10"), answer("10:15")),
        *of("T4", created("11:30")),
    )

    shown = await centre.shown()

    assert seen(shown) == [
        ("T2", "first_response", "at risk"),
        ("T3", "resolution", "at risk"),
        ("T1", "resolution", "at risk"),
    ]
    assert [(its.queue, its.due_at) for its in shown] == [
        ("first", at("12:05")),
        (None, at("12:10")),
        ("late", at("12:20")),
    ]


async def test_time_alone_makes_a_clock_at_risk_and_then_overdue_and_then_old(centre: Centre) -> None:
    await centre.opens(created("10:00"), answer("10:10"), *of("T2", created("11:55"), solved("11:57")))
    deadline = at("12:00")
    risky = deadline - 24 * MINUTE_MS

    assert seen(await centre.shown(risky - 1), risky - 1) == []
    assert seen(await centre.shown(risky), risky) == [("T1", "resolution", "at risk")]
    assert seen(await centre.shown(deadline), deadline) == [("T1", "resolution", "at risk")]
    for later in (1, deadlines.RECENTLY_MS):
        assert seen(await centre.shown(deadline + later), deadline + later) == [("T1", "resolution", "overdue")]
    assert await centre.shown(deadline + deadlines.RECENTLY_MS + 1) == []


async def test_what_an_event_finds_broken_is_shown_as_what_nobody_touched(centre: Centre) -> None:
    untouched = of("T2", created("09:57"), answer("10:10"))
    await centre.opens(created("09:56"), answer("10:10"), assigned("11:58", agent_id="A2"), *untouched)

    shown = await centre.shown()

    assert seen(shown) == [("T1", "resolution", "overdue"), ("T2", "resolution", "overdue")]
    assert [its.due_at for its in shown] == [at("11:56"), at("11:57")]


async def test_few_broken_ones_leave_room_for_those_that_can_be_saved(centre: Centre) -> None:
    broken = [fact for n in range(9) for fact in of(f"B{n}", created(f"09:5{n}:30"), answer("10:10"))]
    risky = [fact for n in range(9) for fact in of(f"R{n}", created(f"10:0{n + 1}"), answer("10:10"))]
    await centre.opens(*broken, *risky)

    assert [ticket for ticket, _, _ in seen(await centre.shown())] == ["B7", "B8", "R0", "R1", "R2", "R3"]


async def test_clocks_that_do_not_run_are_not_shown(centre: Centre) -> None:
    await centre.opens(
        *[*of("T1", created("10:10"), answer("10:20"), becomes("pending", "11:50"))],
        *of("T2", created("10:10"), answer("10:20"), solved("11:50")),
        *of("T3", created("10:10"), merged("11:50", into="T4")),
        *of("T4", created("11:30")),
    )

    assert [ticket for ticket, metric, _ in seen(await centre.shown()) if metric == "resolution"] == []


async def test_a_deadline_at_closing_time_holds_until_the_next_opening(store: StateStore) -> None:
    its = rules(sla(promise({"resolution": 3600}, hours="business")) | {"calendars": {"default": OFFICE}})
    centre = Centre(store, its)
    await centre.opens(created("16:00"))
    evening = at("20:00")

    [shown] = await centre.shown(evening)

    assert (shown.due_at, shown.at) == (at("17:00"), at("Tue 09:00"))
    assert shown.at_risk(evening)
    assert seen(await centre.shown(shown.at + 1), shown.at + 1) == [("T1", "resolution", "overdue")]


async def test_only_what_changed_is_read_again(centre: Centre) -> None:
    first, second = [created("10:10"), answer("10:20")], of("T2", created("10:20"), answer("10:25"))
    await centre.opens(*first, *second)
    await centre.shown()
    assert sorted(centre.entities.tickets) == ["T1", "T2"]
    read, hours = len(centre.entities.tickets), len(centre.entities.hours)

    await centre.shown(NOW + MINUTE_MS)
    assert len(centre.entities.tickets) == read

    await centre.becomes("T2", *first, *second, *of("T2", solved("11:59")))
    assert seen(await centre.shown()) == [("T1", "resolution", "at risk")]
    assert centre.entities.tickets[read:] == ["T2"]
    assert len(centre.entities.hours) == hours


async def test_a_ticket_that_was_not_there_before_is_found_by_its_announcement(centre: Centre) -> None:
    first = [created("10:10"), answer("10:20")]
    await centre.opens(*first)
    await centre.shown()

    await centre.becomes("T2", *first, *of("T2", created("11:05")))

    assert seen(await centre.shown()) == [("T2", "first_response", "at risk"), ("T1", "resolution", "at risk")]


async def test_hours_are_looked_at_only_until_all_that_is_at_risk_is_known(centre: Centre) -> None:
    far = of("T2", created("11:59"), answer("11:59:30"))
    both = of("T3", created("11:58"))  # something is due in this hour, and in the next one
    await centre.opens(created("10:10"), answer("10:20"), *far, *both)

    await centre.shown()

    assert centre.entities.hours == [NOW // HOUR_MS]
    assert sorted(centre.entities.tickets) == ["T1", "T3"]
    later = at("13:40")
    assert ("T2", "resolution", "at risk") in seen(await centre.shown(later), later)
    assert sorted(centre.entities.tickets) == ["T1", "T2", "T3"]


async def test_after_something_was_missed_everything_is_read_again(centre: Centre) -> None:
    facts = [created("10:10"), answer("10:20")]
    await centre.opens(*facts)
    await centre.shown()
    await centre.becomes("T1", *facts, solved("11:59"))
    centre.entities.tickets.clear()

    centre.lookout.hear(None)

    assert seen(await centre.shown()) == []


async def test_what_is_missed_while_it_reads_is_not_taken_for_read(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    await centre.opens(created("10:10"), answer("10:20"))
    tickets_of = centre.entities.tickets_of

    async def interrupted(hours: Sequence[int]) -> Mapping[int, list[str]]:
        monkeypatch.undo()
        centre.lookout.hear(None)
        return await tickets_of(hours)

    monkeypatch.setattr(centre.entities, "tickets_of", interrupted)
    await centre.lookout.look(NOW)
    assert centre.lookout.shown(NOW) is None

    assert seen(await centre.shown()) == [("T1", "resolution", "at risk")]


async def test_while_the_store_is_away_what_was_known_stays_and_what_changed_is_read_later(centre: Centre) -> None:
    facts = [created("10:10"), answer("10:20")]
    await centre.opens(*facts)
    await centre.shown()
    await centre.becomes("T1", *facts, solved("11:59"))

    centre.entities.away = True
    with pytest.raises(Unavailable):
        await centre.lookout.look(NOW)
    assert seen(centre.lookout.shown(NOW) or []) == [("T1", "resolution", "at risk")]

    centre.entities.away = False
    assert await centre.shown() == []


async def test_nothing_is_read_while_nobody_looks(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    await centre.opens(created("10:10"), answer("10:20"))
    monkeypatch.setattr(deadlines, "IDLE_AFTER_S", -1)
    monkeypatch.setattr(deadlines, "LOOK_S", 0)
    running = asyncio.create_task(centre.lookout.run())
    for _ in range(20):
        await asyncio.sleep(0)
    assert centre.entities.tickets == []
    assert centre.lookout.shown(NOW) is None

    monkeypatch.setattr(deadlines, "IDLE_AFTER_S", 1000)
    async with asyncio.timeout(10):
        await centre.changed.wait()
    assert seen(centre.lookout.shown(NOW) or []) == [("T1", "resolution", "at risk")]
    running.cancel()
