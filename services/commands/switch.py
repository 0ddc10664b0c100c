"""`deskpulse switch`: makes another state the live one, without a gap."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from redis.asyncio import Redis
from rich.console import Console

from schemas.policy import Policy
from services.adapters.log_ends import Keeping, LogEnds, behind, open_log_ends
from services.adapters.namespaces import Live, Namespaces, Programs
from services.adapters.policy_file import load_policy
from services.adapters.shard_states import ShardState, made_under, read_to, shard_states
from services.adapters.state_layout import LAYOUT
from services.adapters.state_store import StateStore, command_redis
from services.commands.forget import check_name
from services.config import Settings
from services.errors import Misconfigured, Unavailable

LOOK_S = 1.0
LOOKS = 15
FOLLOWED_WITHIN_S = 60.0
FOLLOWERS: tuple[Programs, ...] = ("processors", "boards")


def switch(settings: Settings, target: str | None, console: Console) -> None:
    """Make ``target`` the live namespace, and return once all processors and boards are with it.

    Args:
        target: None is the one that was live before.

    Raises:
        Misconfigured: it is not up to date, or no state that this version and these settings can go on with.
        Unavailable: a neighbour is away, or some programs have not followed in time; the switch is made then.
    """
    if target is not None:
        check_name(target)
    asyncio.run(_switch(settings, target, console))


async def _switch(settings: Settings, target: str | None, console: Console) -> None:
    async with command_redis(settings) as redis:
        namespaces = Namespaces(redis)
        before = await namespaces.live(settings.namespace)
        if target is None:
            target = _back(before)
        live = settings.namespace if before is None else before.namespace
        if target != live:
            policy = await _checked(namespaces, redis, settings, target)
            async with open_log_ends(settings) as log_ends:
                await _check_up_to_date(log_ends, StateStore(redis, target), settings.partitions, target)
            there = {programs: await namespaces.present(settings.namespace, programs) for programs in FOLLOWERS}
            since = await namespaces.now()
            await namespaces.point(settings.namespace, Live(target, policy, since, before=live))
        else:
            there = {}
            console.print(f"{target} is live already.")
        await _followed(_Followed(namespaces, settings.namespace, target, there), console)
        if target != live:
            console.print(
                f"{target} is live. `deskpulse switch {live}` goes back, as long as {live} is kept up to date."
            )


def _back(before: Live | None) -> str:
    if before is None or not before.before:
        raise Misconfigured("nothing was switched yet: there is nothing to go back to")
    return before.before


async def _checked(namespaces: Namespaces, redis: Redis, settings: Settings, target: str) -> Policy:
    """The policy of a state that can be made live."""
    states = await shard_states(StateStore(redis, target), settings.partitions)
    made = made_under(states)
    if not made:
        raise Misconfigured(
            f"there is no state in {target}; `deskpulse replay --policy <file> --namespace {target}` builds one"
        )
    _check_made(states, settings.partitions, target)
    kept = await namespaces.policy_of(target)
    if kept is not None and made == {kept.fingerprint()}:
        return kept
    configured = load_policy(settings.policy)
    if made != {configured.fingerprint()}:
        raise Misconfigured(
            f"the policy that {target} was made under ({', '.join(sorted(made))}) is not kept: "
            f"`deskpulse replay --policy <file> --namespace {target}` with that policy keeps it"
        )
    await namespaces.keep_policy(target, configured, settings.partitions)
    return configured


def _check_made(states: list[ShardState], partitions: int, target: str) -> None:
    metas = [state.meta for state in states if state.meta is not None]
    if any(meta.layout != LAYOUT for meta in metas):
        raise Misconfigured(
            f"{target} is laid out by another version of deskpulse; `deskpulse replay --anew --namespace {target}` "
            "builds it again"
        )
    if any(meta.partitions != partitions for meta in metas):
        raise Misconfigured(f"{target} was made from another number of partitions than DESKPULSE_PARTITIONS says")


async def _check_up_to_date(log_ends: LogEnds, store: StateStore, partitions: int, target: str) -> None:
    """Whoever feeds it keeps up, or nothing comes."""
    begins, keeping, lacking = await log_ends.begins(), Keeping(1), 0
    for look in range(LOOKS):
        if look:
            await asyncio.sleep(LOOK_S)
        nexts = read_to(await shard_states(store, partitions), begins)
        ends = await log_ends.ends()
        if keeping.look(nexts, ends):
            return
        lacking = behind(nexts, ends)
    raise Misconfigured(
        f"{target} lacks {lacking:,} event{'' if lacking == 1 else 's'} of the log, and nobody keeps it up to date; "
        f"`deskpulse replay --namespace {target}` does; once that says so, switch while it runs"
    )


@dataclass(frozen=True)
class _Followed:
    """Who is with which namespace, after the switch."""

    namespaces: Namespaces
    named: str
    target: str
    before: Mapping[Programs, Mapping[str, int]]
    """Who was with which one before it."""

    async def late(self) -> dict[str, int]:
        """How many programs of each kind are not there yet."""
        late: dict[str, int] = {}
        for programs in FOLLOWERS:
            now = await self.namespaces.present(self.named, programs)
            elsewhere = sum(count for namespace, count in now.items() if namespace != self.target)
            expected = sum(self.before.get(programs, {}).values())
            late[programs] = max(elsewhere, expected - now.get(self.target, 0))
        return late

    async def arrived(self) -> dict[str, int]:
        return {
            programs: (await self.namespaces.present(self.named, programs)).get(self.target, 0)
            for programs in FOLLOWERS
        }


async def _followed(following: _Followed, console: Console) -> None:
    began_s = monotonic()
    while any((late := await following.late()).values()):
        if monotonic() > began_s + FOLLOWED_WITHIN_S:
            raise Unavailable(
                f"{following.target} is live, but {_counted(late)} have not followed after {FOLLOWED_WITHIN_S:g} s; "
                "they do when they reach the store, or are started again"
            )
        await asyncio.sleep(LOOK_S / 10)
    took_s, there = monotonic() - began_s, _counted(await following.arrived())
    console.print(f"With {following.target} after {took_s:.1f} s: {there}.")


def _counted(programs: Mapping[str, int]) -> str:
    return " and ".join(
        f"{count} {name if count != 1 else name.removesuffix('s')}" for name, count in programs.items()
    )
