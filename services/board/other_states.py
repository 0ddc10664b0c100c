"""States of other namespaces, followed for as long as somebody asks about them."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from redis.asyncio import Redis

from schemas.codec import Millis
from schemas.policy import Policy
from services.adapters.entities import Entities
from services.adapters.namespaces import Namespaces
from services.adapters.state_store import StateStore
from services.board.following import Follower, all_shards
from services.core.rules import Rules
from services.errors import Unavailable

log = logging.getLogger(__name__)

UNUSED_S = 300.0
"""How long nobody has to ask for a state to be let go: it is as large as the live one."""
LOOK_S = 15.0
MOST = 2
"""How many are followed at once; for another one, the one that was asked for least recently is let go."""
READ_WITHIN_S = 3.0
"""How long a request waits for a state to be read."""


class UnknownNamespace(LookupError):
    """No state is kept under such a name."""


@dataclass(frozen=True)
class State:
    """A state, and how it is read."""

    namespace: str
    rules: Rules
    follower: Follower
    entities: Entities


@dataclass
class _Followed:
    state: State
    task: asyncio.Task[None]
    asked_at: float


class OtherStates:
    """Opens a state when it is first asked for, and closes it some minutes after it was last."""

    def __init__(self, redis: Redis, partitions: int, now: Callable[[], Millis]) -> None:
        self._redis = redis
        self._partitions = partitions
        self._now = now
        self._namespaces = Namespaces(redis)
        self._open: dict[str, _Followed] = {}
        self._tasks: asyncio.TaskGroup | None = None

    @property
    def open(self) -> list[str]:
        """The namespaces that are followed now."""
        return list(self._open)

    async def run(self) -> None:
        """Close what nobody asks for, until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                while True:
                    await asyncio.sleep(LOOK_S)
                    self.close_unused(asyncio.get_running_loop().time())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            self._tasks = None
            self._open.clear()

    async def of(self, namespace: str) -> State:
        """The state of ``namespace``, read whole.

        Raises:
            UnknownNamespace: there is none.
            Unavailable: the store does not answer, or the state is still being read.
        """
        policy = await self._namespaces.policy_of(namespace)
        if policy is None:
            self._close(namespace)
            raise UnknownNamespace(await self._unknown(namespace))
        followed = self._followed(namespace, policy)
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                await followed.state.follower.loaded.wait()
        except TimeoutError:
            raise Unavailable(f"the state of {namespace} is being read: ask again in a moment") from None
        return followed.state

    def close_unused(self, at: float) -> None:
        """Close what was last asked for ``UNUSED_S`` before ``at``, by the clock of the event loop."""
        for namespace in [name for name, its in self._open.items() if at - its.asked_at >= UNUSED_S]:
            self._close(namespace)

    def _followed(self, namespace: str, policy: Policy) -> _Followed:
        if self._tasks is None:
            raise Unavailable("the board is not reading: ask again in a moment")
        at = asyncio.get_running_loop().time()
        held = self._open.pop(namespace, None)
        if held is not None and held.state.rules.policy != policy:
            held.task.cancel()  # built anew, under another policy
            held = None
        if held is None:
            for oldest in self.open[: max(0, len(self._open) - MOST + 1)]:
                self._close(oldest)
            log.info("another state is asked for: reading it", extra={"namespace": namespace})
            state = self._state(namespace, policy)
            held = _Followed(state, self._tasks.create_task(self._follow(state)), at)
        held.asked_at = at
        self._open[namespace] = held  # the most recently asked for comes last
        return held

    async def _follow(self, state: State) -> None:
        """Whatever is wrong with another state, the live one goes on."""
        try:
            await state.follower.run()
        except Exception:
            log.exception("another state cannot be read", extra={"namespace": state.namespace})
            held = self._open.get(state.namespace)
            if held is not None and held.state is state:
                del self._open[state.namespace]

    def _state(self, namespace: str, policy: Policy) -> State:
        shards = all_shards(self._partitions)
        follower = Follower(self._redis, namespace, shards, self._now, policy.fingerprint())
        entities = Entities(StateStore(self._redis, namespace), self._partitions)
        return State(namespace, Rules(policy), follower, entities)

    def _close(self, namespace: str) -> None:
        if (followed := self._open.pop(namespace, None)) is not None:
            followed.task.cancel()
            log.info("a state is let go that nobody asks for", extra={"namespace": namespace})

    async def _unknown(self, namespace: str) -> str:
        known = await self._namespaces.known()
        there_are = f"there are {', '.join(known)}" if known else "there is none yet"
        return (
            f"no state is kept under the namespace {namespace!r}; {there_are}. Build one from the log with "
            f"`deskpulse replay --policy other.yaml --namespace {namespace}`"
        )
