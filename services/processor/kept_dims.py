"""The dimension sets of a shard, and the small numbers that stand for them."""

from services.adapters.state_layout import (
    DIMS_PER_FIELD,
    Fetch,
    Field,
    dims_field,
    dims_fields,
    pack_dims,
    unpack_dims,
)
from services.core.tally import Dims, coarse


class KeptDims:
    """Codes are given in the order in which sets are first met, and never taken back."""

    def __init__(self) -> None:
        self._sets: list[Dims] = []
        self._codes: dict[Dims, int] = {}
        self._coarse: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._sets)

    async def load(self, fetch: Fetch, sets: int) -> None:
        """Take over the first ``sets`` dimension sets that the store holds."""
        chunks = await fetch(dims_fields(sets))
        self._sets = [dims for chunk in chunks for dims in unpack_dims(chunk)]
        self._codes = {dims: code for code, dims in enumerate(self._sets)}

    def code(self, dims: Dims) -> int:
        """The number that stands for a dimension set."""
        code = self._codes.get(dims)
        if code is None:
            code = self._codes[dims] = len(self._sets)
            self._sets.append(dims)
        return code

    def coarse(self, code: int) -> int:
        """The code of the set under which grain ALL keeps what ``code`` stands for."""
        known = self._coarse.get(code)
        if known is None:
            known = self._coarse[code] = self.code(coarse(self._sets[code]))
        return known

    def fields(self, since: int) -> dict[Field, bytes]:
        """What the store has to learn, packed, when it knows the first ``since`` sets."""
        if since == len(self._sets):
            return {}
        chunks = range(since // DIMS_PER_FIELD, -(-len(self._sets) // DIMS_PER_FIELD))
        return {
            dims_field(chunk): pack_dims(self._sets[chunk * DIMS_PER_FIELD : (chunk + 1) * DIMS_PER_FIELD])
            for chunk in chunks
        }
