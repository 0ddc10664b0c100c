"""A worker makes the state that is live, and goes with it when `deskpulse switch` makes another one live.

It keeps its partitions: only what is made of them changes. What the other state already has is passed over, and what
it lacks is read from its `next` on; until then whoever fed it may go on, since the fence keeps both right.
"""

import asyncio
import logging
from contextlib import suppress

import faust
from aiokafka.errors import IllegalStateError
from redis.asyncio import Redis

from schemas.policy import Policy
from services.adapters.namespaces import Live, LiveState, Namespaces
from services.adapters.state_store import StateStore
from services.adapters.whereabouts import Whereabouts
from services.config import Settings
from services.core.rules import Rules
from services.errors import Unavailable
from services.processor.origin import StateOrigin
from services.processor.shards import Shards

log = logging.getLogger(__name__)


async def live_at_first(redis: Redis, named: str, configured: Policy) -> LiveState:
    """What is live now; waits for the store."""
    namespaces = Namespaces(redis)
    while True:
        try:
            state = LiveState.of(named, configured, await namespaces.live(named))
        except Unavailable as error:
            log.warning("waiting for the store", extra={"reason": str(error)})
            await asyncio.sleep(1)
        else:
            state.log_surprises(named, configured)
            return state


def made_from(state: LiveState, partitions: int) -> StateOrigin:
    """What the shards of a live state are made from."""
    return StateOrigin(state.policy.fingerprint(), partitions, state.namespace, state.since, state.before)


class Movement:
    """Takes one worker's shards where the live state is."""

    def __init__(
        self, app: faust.App, shards: Shards, redis: Redis, settings: Settings, configured: Policy, state: LiveState
    ) -> None:
        """``state`` is what the shards make at first, and ``configured`` the policy of the settings."""
        self._app = app
        self._shards = shards
        self._redis = redis
        self._settings = settings
        self._configured = configured
        self._state: LiveState | None = state
        """None while it is not certain which one they make."""

    async def run(self) -> None:
        """Run until cancelled."""
        await Whereabouts(self._redis, self._settings.namespace, "processors", self._move).run()

    async def _move(self, live: Live | None) -> str:
        state = LiveState.of(self._settings.namespace, self._configured, live)
        made = self._state
        if made is None or (state.namespace, state.since) != (made.namespace, made.since):
            log.info("moving to another state", extra={"namespace": state.namespace})
            self._state = None
            await self._become(state)
            self._state = state
            state.log_surprises(self._settings.namespace, self._configured)
        await Namespaces(self._redis).keep_policy(state.namespace, state.policy, self._settings.partitions)
        return state.namespace

    async def _become(self, state: LiveState) -> None:
        store = StateStore(self._redis, state.namespace)
        origin = made_from(state, self._settings.partitions)
        positions = await self._shards.become(store, Rules(state.policy), origin)
        consumer = self._app.consumer
        halted = self._shards.halted
        reading = {tp: offset for tp, offset in positions.items() if tp not in halted}
        for tp, offset in reading.items():
            with suppress(IllegalStateError):  # taken away meanwhile
                await consumer.seek_wait({tp: offset})
        consumer.resume_partitions(set(reading))  # what was halted for the other state
        consumer.pause_partitions(halted)
