"""Whether the help centre answered: a visit, and no ticket after it (KPI cases, convention 24)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from schemas.codec import Fact, Millis, VisitStory
from services.core.kpis import ratio
from services.core.returns import Openings, Verdict
from services.core.tally import NOTHING_TOLD, Dims, Tallies, add


@dataclass(slots=True)
class Visit:
    """The views of one visit. Changed in place while `visits` reads them."""

    last_view_at: Millis
    requester: str | None = None
    """Who it was; who signs in halfway was the same person before. None: anonymous."""
    articles: set[str] = field(default_factory=set)


def visits(views: Iterable[Fact]) -> list[Visit]:
    """The visits that ``views`` tell of, in any order; views without a visit's id are left out."""
    found: dict[str, Visit] = {}
    for view in sorted(views, key=lambda view: (view.at, view.event_id)):
        if view.visit_id is None:
            continue
        visit = found.setdefault(view.entity, Visit(view.at))
        visit.last_view_at = view.at
        visit.requester = visit.requester or view.requester_id
        if view.article_id is not None:
            visit.articles.add(view.article_id)
    return list(found.values())


def article_dims(article: str) -> Dims:
    """What the visits that saw an article are cut by."""
    return *NOTHING_TOLD[:-1], article


def visit_tallies(visit: Visit) -> Tallies:
    """What a visit adds by itself; whether it was followed by a ticket, the requester knows."""
    tallies: Tallies = {}
    add(tallies, ("visits", visit.last_view_at, NOTHING_TOLD, 0), 1, 0)
    if visit.requester is not None:
        add(tallies, ("visits_identified", visit.last_view_at, NOTHING_TOLD, 0), 1, 0)
        for article in visit.articles:
            add(tallies, ("article_visits", visit.last_view_at, article_dims(article), 0), 1, 0)
    return tallies


def visit_story(visit: Visit) -> VisitStory:
    """What the requester's timeline has to know of a visit."""
    return VisitStory(visit.last_view_at, tuple(sorted(visit.articles)))


def asked_after(last_view_at: Millis, openings: Openings, window_ms: Millis) -> bool:
    """Whether a visitor opened a ticket from the last view to the end of the window, both included."""
    return openings.opened(last_view_at, last_view_at + window_ms)


def deflected(visit: Visit, openings: Openings, window_ms: Millis, as_of: Millis) -> Verdict:
    """Whether a visitor asked nobody, from the last view to the end of the window, both included.

    Args:
        openings: Of the requester.

    Returns:
        False once the requester opened a ticket in that time; else "pending" until it is over; else True. None for
        an anonymous visit, which nobody can judge.

    Source:
        KPI cases, convention 24; docs/kpis.md, Self-service deflection.
    """
    if visit.requester is None:
        return None
    if asked_after(visit.last_view_at, openings, window_ms):
        return False
    return True if as_of >= visit.last_view_at + window_ms else "pending"


@dataclass(frozen=True, slots=True)
class DeflectionFigures:
    """Named as in the cases' `deflection`."""

    visits: int
    visits_identified: int
    visits_pending: int
    deflected: int
    deflection_rate: float | None
    by_article: dict[str, float | None]


def deflection(judged: Sequence[tuple[Visit, Verdict]]) -> DeflectionFigures:
    """The share of decided visits that no ticket followed, as a whole and for each article seen.

    An article that only anonymous or undecided visitors saw has no value.
    """
    verdicts = [verdict for _, verdict in judged]
    articles = sorted({article for visit, _ in judged for article in visit.articles})
    return DeflectionFigures(
        visits=len(judged),
        visits_identified=sum(verdict is not None for verdict in verdicts),
        visits_pending=sum(verdict == "pending" for verdict in verdicts),
        deflected=sum(verdict is True for verdict in verdicts),
        deflection_rate=_rate(verdicts),
        by_article={
            article: _rate([verdict for visit, verdict in judged if article in visit.articles])
            for article in articles
        },
    )


def _rate(verdicts: Iterable[Verdict]) -> float | None:
    decided = [verdict for verdict in verdicts if isinstance(verdict, bool)]
    return ratio(sum(decided), len(decided))
