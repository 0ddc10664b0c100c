"""`deskpulse forget`: deletes a state that is not live."""

import asyncio
import re

from rich.console import Console

from services.adapters.namespaces import Held, Namespaces
from services.adapters.state_store import command_redis
from services.config import NAMESPACES, Settings
from services.errors import Misconfigured


def forget(settings: Settings, namespace: str, console: Console) -> None:
    """Delete what a namespace holds. The log keeps its events: `deskpulse replay` builds the state again.

    Raises:
        Misconfigured: it is no name of a namespace, it is live, or somebody feeds it.
        Unavailable: the store does not answer.
    """
    check_name(namespace)
    asyncio.run(_forget(settings, namespace, console))


async def _forget(settings: Settings, namespace: str, console: Console) -> None:
    async with command_redis(settings) as redis:
        namespaces = Namespaces(redis)
        await refuse_what_is_live(namespaces, settings, namespace)
        await delete(namespaces, namespace, console)


def check_name(namespace: str) -> None:
    """Raises Misconfigured for what no namespace may be called."""
    if not re.fullmatch(NAMESPACES, namespace):
        raise Misconfigured(f"{namespace!r} is no name of a namespace: 1 to 40 of a-z, 0-9, _ and -")


async def refuse_what_is_live(namespaces: Namespaces, settings: Settings, namespace: str) -> None:
    """Raises Misconfigured where processors make the state of a namespace, or would if they ran."""
    if await namespaces.live_namespace(settings.namespace) == namespace:
        raise Misconfigured(f"{namespace} is live: the board shows it, and its processors feed it; name another")
    if await namespaces.live_somewhere(namespace):
        raise Misconfigured(f"{namespace} is live for programs with another DESKPULSE_NAMESPACE; name another")
    if await namespaces.present_anywhere("processors", namespace):
        raise Misconfigured(f"processors feed {namespace}, and keep it up to date; name another")


async def delete(namespaces: Namespaces, namespace: str, console: Console) -> None:
    """Delete what a namespace holds, after saying what. Raises Misconfigured where a replay builds it."""
    if await namespaces.present_anywhere("replays", namespace):
        raise Misconfigured(f"a replay builds {namespace}; end it first")
    console.print(f"Deleting what {namespace} holds: {_size(await namespaces.held(namespace))}.")
    await namespaces.delete(namespace)


def _size(held: Held) -> str:
    if not held.shards:
        return "nothing"
    size = "" if held.size_bytes is None else f", {held.size_bytes / 2**20:,.0f} MiB"
    return f"{held.shards} shards, {held.fields:,} fields{size}"
