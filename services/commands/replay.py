"""`deskpulse replay`: builds another state beside the live one, from the same log, under another policy."""

import asyncio
import contextlib
import gc
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from redis.asyncio import Redis
from rich.console import Console

from schemas.policy import Policy
from services.adapters.log_ends import Keeping, LogEnds, Offsets, open_log_ends
from services.adapters.namespaces import Namespaces
from services.adapters.policy_file import load_policy
from services.adapters.serving import reachable, url_of
from services.adapters.shard_states import ShardState, made_under, read_to, shard_states
from services.adapters.state_layout import LAYOUT
from services.adapters.state_store import StateStore, command_redis
from services.adapters.topic_setup import prepared_topics
from services.commands.forget import check_name, delete, refuse_what_is_live
from services.commands.progress import Course, Standing, shown
from services.config import Settings
from services.errors import Misconfigured, Unavailable
from services.processor.app import COLLECT, Worker, open_processor, until_signalled

LOOK_S = 1.0
PAUSE_S = 5.0
TIMES = 3
"""How often it must have come to where the log ended: what it tells itself on the way must be taken in as well."""
INTERRUPTED = 130


@dataclass(frozen=True)
class Wanted:
    """Which state is to be built, and what the person at the terminal said about it."""

    namespace: str
    policy_file: Path | None
    follow: bool
    anew: bool

    @property
    def command(self) -> str:
        """What goes on from where this one was."""
        policy = f" --policy {self.policy_file}" if self.policy_file else ""
        return f"deskpulse replay{policy} --namespace {self.namespace}" + ("" if self.follow else " --no-follow")


def replay(settings: Settings, wanted: Wanted, console: Console) -> int:
    """Build the state, and keep it up to date until a signal comes, or until it is live.

    Returns:
        The exit code: 130 when a signal came before the state was up to date.

    Raises:
        Misconfigured: that state must not be built, or cannot be built there.
        Unavailable: a neighbour is away.
    """
    check_name(wanted.namespace)
    given = None if wanted.policy_file is None else load_policy(wanted.policy_file)
    gc.set_threshold(*COLLECT)
    return asyncio.run(_replay(settings, wanted, given, console))


async def _replay(settings: Settings, wanted: Wanted, given: Policy | None, console: Console) -> int:
    await prepared_topics(settings)
    async with command_redis(settings) as redis:
        namespaces = Namespaces(redis)
        await refuse_what_is_live(namespaces, settings, wanted.namespace)
        policy = await _policy(namespaces, wanted, given)
        await _make_room(redis, settings, wanted, policy, console)
        await namespaces.keep_policy(wanted.namespace, policy, settings.partitions)
        own = settings.model_copy(
            update={
                "namespace": wanted.namespace,
                "kafka_group": f"{settings.kafka_group}-{wanted.namespace}",
                "processor_port": 0,
                "signals": False,
            }
        )
        async with (
            namespaces.presence(settings.namespace, "replays", wanted.namespace),
            open_log_ends(settings) as log_ends,
            open_processor(own, policy) as worker,
        ):
            return await _Replay(redis, settings, wanted, log_ends, worker, console).run()


async def _policy(namespaces: Namespaces, wanted: Wanted, given: Policy | None) -> Policy:
    policy = given or await namespaces.policy_of(wanted.namespace)
    if policy is None:
        raise Misconfigured(
            f"nothing says under which policy {wanted.namespace} is to be built; name a policy file with --policy"
        )
    return policy


async def _make_room(redis: Redis, settings: Settings, wanted: Wanted, policy: Policy, console: Console) -> None:
    """See that what the namespace holds is of this policy, or delete it when that was asked for."""
    namespaces, name = Namespaces(redis), wanted.namespace
    states = await shard_states(StateStore(redis, name), settings.partitions)
    if wanted.anew:
        await delete(namespaces, name, console)
    elif fault := _fault(states, policy, settings.partitions):
        raise Misconfigured(
            f"{name} holds a state {fault}: the two do not mix. Build this one elsewhere with --namespace, or say "
            "--anew to delete what is there first"
        )


def _fault(states: list[ShardState], policy: Policy, partitions: int) -> str | None:
    metas = [state.meta for state in states if state.meta is not None]
    if others := made_under(states) - {policy.fingerprint()}:
        return f"made under another policy ({', '.join(sorted(others))}; this one is {policy.fingerprint()})"
    if any(meta.layout != LAYOUT for meta in metas):
        return "laid out by another version of deskpulse"
    if any(meta.partitions != partitions for meta in metas):
        return "made from another number of partitions"
    return None


class _Replay:
    """One replay on its way."""

    def __init__(
        self, redis: Redis, settings: Settings, wanted: Wanted, log_ends: LogEnds, worker: Worker, console: Console
    ) -> None:
        self._namespaces = Namespaces(redis)
        self._store = StateStore(redis, wanted.namespace)
        self._settings = settings
        self._wanted = wanted
        self._log_ends = log_ends
        self._worker = worker
        self._console = console
        self._standing: Standing | None = None

    async def run(self) -> int:
        stopping = until_signalled()
        working = asyncio.create_task(self._worker.run(stopping))
        telling = asyncio.create_task(self._tell())
        await asyncio.wait({working, telling}, return_when=asyncio.FIRST_COMPLETED)
        interrupted = not telling.done()
        telling.cancel()
        stopping.set()
        await working
        with contextlib.suppress(asyncio.CancelledError):
            await telling
        if interrupted and self._standing is not None:
            self._console.print(
                f"Stopped at {self._standing}. What is done is kept; this goes on from there:\n"
                f"  {self._wanted.command}"
            )
            return INTERRUPTED
        return 0

    async def _tell(self) -> None:
        """Returns when there is nothing more to do."""
        begins, goal = await self._log_ends.begins(), await self._log_ends.ends()
        self._say_what_is_missing(begins)
        await self._until_up_to_date(Course(begins, goal))
        self._standing = None
        self._say_what_is_next()
        if self._wanted.follow:
            await self._until_live()

    def _say_what_is_missing(self, begins: Offsets) -> None:
        if gone := sum(begins.values()):
            self._console.print(
                f"The log has lost its first {gone:,} events to retention: {self._wanted.namespace} is built without "
                "them, and what the live state knows from them will differ."
            )

    async def _until_up_to_date(self, course: Course) -> None:
        keeping = Keeping(TIMES)
        with shown(self._console) as show:
            while True:
                self._halt_if_halted()
                try:
                    nexts = read_to(await shard_states(self._store, self._settings.partitions), course.begins)
                    ends = await self._log_ends.ends()
                except Unavailable as error:
                    self._console.print(f"Waiting: {error}")
                    await asyncio.sleep(PAUSE_S)
                    continue
                self._standing = course.at(nexts, monotonic())
                show(self._standing)
                if keeping.look(nexts, ends) and self._standing.done >= self._standing.all:
                    return
                await asyncio.sleep(LOOK_S)

    def _halt_if_halted(self) -> None:
        for error in self._worker.shards.halted.values():
            raise Misconfigured(f"the replay cannot go on: {error}")

    def _say_what_is_next(self) -> None:
        name = self._wanted.namespace
        board = url_of(reachable(self._settings.board_host), self._settings.board_port)
        follows = " It stays so until Ctrl-C." if self._wanted.follow else ""
        self._console.print(
            f"{name} is up to date.{follows}\n"
            f"  compare   {board}/whatif?namespace={name}\n"
            f"  switch    deskpulse switch {name}"
        )

    async def _until_live(self) -> None:
        """Feeds on until processors do."""
        name = self._wanted.namespace
        while True:
            await asyncio.sleep(LOOK_S)
            self._halt_if_halted()
            if await self._is_fed():
                self._console.print(f"{name} is live now, and its processors feed it: this replay has done its work.")
                return

    async def _is_fed(self) -> bool:
        name, named = self._wanted.namespace, self._settings.namespace
        try:
            present = await self._namespaces.present(named, "processors")
            return bool(present.get(name)) and await self._namespaces.live_namespace(named) == name
        except Unavailable:
            return False
