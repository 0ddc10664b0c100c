"""`deskpulse explain`: why a ticket's figures are what they are, from a file of events or from the store."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import time_ns

from pydantic import TypeAdapter
from redis.asyncio import Redis
from rich.console import Console

from schemas.codec import Fact, Millis
from schemas.policy import Policy
from schemas.topics import REQUESTERS, TICKETS
from services.adapters.entities import KEYS_ARE, Entities, possible_keys
from services.adapters.namespaces import Live, LiveState, Namespaces
from services.adapters.policy_file import load_policy
from services.adapters.state_store import StateStore, command_redis
from services.board.explained import stored_explanation
from services.commands.compute import read_events
from services.commands.explained_text import show
from services.config import Settings
from services.core.exchange import Entity, exchanged
from services.core.explanation import Explanation, explanation
from services.core.rules import Rules
from services.core.ticket import replay
from services.core.timeline import Name, known_at
from services.errors import Misconfigured

MOST_NAMED = 10


def explain(
    ticket: str,
    environ: Mapping[str, str],
    *,
    events: str | None,
    policy: Path | None,
    as_of: Millis | None,
    as_json: bool,
    warn: Callable[[str], None],
) -> None:
    """Print the explanation of a ticket.

    Args:
        environ: The environment that the settings are read from, where ``events`` does not name a file.
        warn: Called with what is wrong with lines of the file.

    Raises:
        Misconfigured: there is no such ticket, or no such file.
        Unavailable: the store does not answer.
    """
    if events is None:
        settings = Settings.from_env(environ)
        given = None if policy is None else load_policy(policy)
        explained = from_store(ticket, settings, given, as_of, time_ns() // 1_000_000)
    else:
        if events != "-" and not Path(events).is_file():
            raise Misconfigured(f"there is no file {events}")
        skipped = partial(_skipped, warn, events)
        facts = read_events(events, skipped=skipped)
        at = max((fact.at for fact in facts), default=0) if as_of is None else as_of
        explained = from_events(ticket, facts, Rules(load_policy(policy)), at)
    if as_json:
        print(TypeAdapter(Explanation).dump_json(explained, indent=2).decode())
    else:
        show(explained, Console())


def _skipped(warn: Callable[[str], None], events: str, number: int, sentence: str) -> None:
    warn(f"{events}: line {number} is no event: {sentence}")


def from_events(ticket: str, arrivals: Sequence[Fact], rules: Rules, as_of: Millis) -> Explanation:
    """The explanation of a ticket that events tell of, as known at an instant.

    Args:
        ticket: Its key, or the helpdesk's id where only one ticket has it.

    Raises:
        Misconfigured: no event tells of such a ticket, or several tickets have that id.
    """
    known = known_at(arrivals, as_of)
    entities = exchanged(known, rules)
    key = _found(ticket, entities)
    timeline = entities[TICKETS.stream, key].timeline
    told = Counter(fact.event_id for fact in known if fact.entity == key and fact.topic is TICKETS)
    replayed = replay(timeline, rules)
    requester_id = None if replayed is None else replayed.requester_id
    requester = entities.get((REQUESTERS.stream, requester_id or ""), Entity()).timeline
    return explanation(
        key,
        timeline,
        rules,
        as_of,
        requester=requester,
        repeats={event_id: times - 1 for event_id, times in told.items()},
    )


def _found(ticket: str, entities: Mapping[Name, Entity]) -> str:
    keys = [key for stream, key in entities if stream == TICKETS.stream]
    exact = next((key for key in possible_keys(ticket) if (TICKETS.stream, key) in entities), None)
    if exact is not None:
        return exact
    ended = [key for key in keys if key.rpartition("/")[2] == ticket]
    if len(ended) == 1:
        return ended[0]
    if ended:
        raise Misconfigured(f"several tickets have the id {ticket}: {_some(ended)}; give the key of one")
    raise Misconfigured(f"no event tells of a ticket {ticket} by then; there are {len(keys)}: {_some(keys)}")


def _some(keys: Sequence[str]) -> str:
    rest = len(keys) - MOST_NAMED
    return ", ".join(keys[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def from_store(
    ticket: str, settings: Settings, policy: Policy | None, as_of: Millis | None, now: Millis
) -> Explanation:
    """The explanation of a ticket that the store holds: in the live state, of the namespace that the settings name.

    Args:
        policy: None is the one that the state is made under.
        as_of: None is now, with all that the store holds.

    Raises:
        Misconfigured: the store has no such ticket, or was made with another number of partitions.
        Unavailable: the store does not answer.
    """
    return asyncio.run(_from_store(ticket, settings, policy, as_of, now))


async def _from_store(
    ticket: str, settings: Settings, policy: Policy | None, as_of: Millis | None, now: Millis
) -> Explanation:
    async with command_redis(settings) as redis:
        state = await _state(redis, settings)
        entities = Entities(StateStore(redis, state.namespace), settings.partitions)
        await entities.check(TICKETS)
        found = await stored_explanation(ticket, entities, Rules(policy or state.policy), as_of, now)
    if found is None:
        place = f"in the namespace {state.namespace} of {settings.redis_url.rpartition('@')[2]}"
        when = "" if as_of is None else " at that instant"
        raise Misconfigured(f"no ticket {ticket} is known {place}{when}; {KEYS_ARE}")
    return found


async def _state(redis: Redis, settings: Settings) -> LiveState:
    """What is live, or else what was kept beside the namespace of the settings: `deskpulse replay` builds it under a
    policy that the settings do not name."""
    namespaces, named = Namespaces(redis), settings.namespace
    live = await namespaces.live(named) or Live(named, await namespaces.policy_of(named), 0)
    return LiveState.of(named, load_policy(settings.policy), live)
