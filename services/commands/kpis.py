"""`deskpulse compute --kpis`: the answers of the board, from a file of events."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.codec import Fact, Millis
from schemas.policy import Policy
from services.board.answers import answer
from services.board.asking import Question, Unclear, question
from services.board.columns import Columns
from services.board.windows import ALL, NAMED
from services.core.exchange import Entity, exchanged
from services.core.report import Figures
from services.core.rules import Rules
from services.core.tally import GRAIN_MS, Cells, oldest_kept, spread
from services.core.timeline import known_at
from services.errors import Misconfigured

_FILE = ("file", 0)


@dataclass(frozen=True)
class Words:
    """What the command line says of `--kpis`, `--variants` and `--against`, as it came."""

    windows: str | None = None
    by: str | None = None
    kpi: str | None = None
    limit: str | None = None
    where: tuple[str, ...] = ()
    """Each a dimension, an equals sign and a value."""


def asked(
    words: Words, policy: Policy, *, kpis: bool = False, variants: bool = False, against: bool = False
) -> Question | None:
    """The question that the command line puts; None when it asks for the exact figures.

    Raises:
        Misconfigured: words that do not go together, or that are not known.
    """
    named = {"windows": words.windows, "by": words.by, "kpi": words.kpi, "limit": words.limit, "where": words.where}
    given = [f"--{name}" for name, value in named.items() if value]
    documents = {"--kpis": kpis, "--variants": variants, "--against": against}
    chosen = [name for name, wanted in documents.items() if wanted]
    if len(chosen) > 1:
        raise Misconfigured(f"{' and '.join(chosen)} are different documents; ask for one")
    goes_with = {"--variants": ("--windows",), "--against": ("--windows", "--where", "--limit")}
    if chosen and (wrong := [name for name in given if name not in goes_with.get(chosen[0], given)]):
        raise Misconfigured(f"{', '.join(wrong)} goes with --kpis, and not with {chosen[0]}")
    if not chosen:
        if given:
            raise Misconfigured(f"{', '.join(given)} goes with --kpis, which is missing")
        return None
    windows = words.windows or (",".join(NAMED) if kpis else ALL)
    pairs = [("window", windows), *((name, named[name]) for name in ("by", "kpi", "limit") if named[name])]
    for each in words.where:
        dimension, equals, value = each.partition("=")
        if not equals:
            raise Misconfigured(f"--where {each} names no value; such as --where queue=billing")
        pairs.append((dimension, value))
    try:
        return question(((name, str(value)) for name, value in pairs), policy)
    except Unclear as unclear:
        raise Misconfigured(str(unclear)) from None


def kpi_document(arrivals: Iterable[Fact], rules: Rules, question: Question, as_of: Millis) -> Figures:
    """What `/api/v1/kpis` would have answered at ``as_of``, with the same edges of windows.

    Args:
        arrivals: In order of arrival; what was not known at ``as_of`` is left out.
    """
    return answer(columns_of(known_at(arrivals, as_of), rules), rules, question, as_of)


def columns_of(facts: Iterable[Fact], rules: Rules) -> Columns:
    """The cells of all entities that ``facts`` tell of, kept for as long as the board keeps them."""
    return columns_with(exchanged(facts, rules).values())


def columns_with(entities: Iterable[Entity]) -> Columns:
    """The cells of some entities, kept for as long as the board keeps them."""
    cells: Cells = {}
    watermark = 0
    for entity in entities:
        spread(entity.told.tallies, cells)
        watermark = max(watermark, entity.timeline[-1].at)
    columns = Columns.of(cells)
    columns.keep_from(_FILE, {grain: oldest_kept(grain, watermark) for grain in GRAIN_MS})
    return columns
