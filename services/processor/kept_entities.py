"""The entities of a shard that were used last, with what they come to; the others are fetched by name."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from schemas.codec import unpack_facts
from schemas.topics import AGENTS
from services.adapters.state_layout import Fetch, announced_field, entity_field, unpack_announced
from services.core.exchange import Entity
from services.core.measure import told
from services.core.presence import Presence
from services.core.rules import Rules
from services.processor.signalling import Signalling


class KeptEntities(Mapping[str, Entity]):
    """Those in memory, by their key, least recently used first."""

    def __init__(self, fetch: Fetch, stream: str, rules: Rules) -> None:
        self.signalling: Signalling | None = None
        """Is given what was announced of an entity as long as that is in memory."""
        self._fetch = fetch
        self._rules = rules
        self._kind = Presence if stream == AGENTS.stream else Entity
        self._kept: dict[str, Entity] = {}

    def __getitem__(self, key: str) -> Entity:
        return self._kept[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    async def recall(self, keys: Iterable[str]) -> None:
        """Bring the entities into memory that are not there."""
        missing = [key for key in keys if key not in self._kept]
        announced = self.signalling
        fields = [entity_field(key) for key in missing]
        values = await self._fetch(fields if announced is None else fields + [announced_field(k) for k in missing])
        for key, packed in zip(missing, values, strict=False):
            timeline = unpack_facts(packed) if packed else []
            self._kept[key] = self._kind(timeline, told(timeline, self._rules))
        if announced is not None:
            for key, packed in zip(missing, values[len(missing) :], strict=True):
                announced.recall(key, unpack_announced(packed))

    def used(self, key: str) -> Entity:
        """An entity in memory, now the most recently used."""
        held = self._kept.pop(key)
        self._kept[key] = held
        return held

    def cool(self, hot_entities: int) -> None:
        """Keep no more than the most recently used in memory."""
        for key in list(islice(self._kept, max(0, len(self._kept) - hot_entities))):
            del self._kept[key]
            if self.signalling is not None:
                self.signalling.forget(key)
