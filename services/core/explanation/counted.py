"""What a ticket adds to which KPI, and what it tells others."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from schemas.codec import Fact, Millis, TicketStory, instant
from services.core.automation import automated
from services.core.catalogue import Catalogue, catalogue
from services.core.explanation.parts import Contribution, News, Return, Theme
from services.core.explanation.words import MEANINGS, THEMES, moment, says, value_of
from services.core.fcr import judged
from services.core.requester import stories
from services.core.returns import NOBODYS, Openings, Verdict, came_back_at
from services.core.rules import Rules
from services.core.story import add_story, story_of
from services.core.tally import DAY_MS, DIMENSIONS, MEASURES, Entry, Tallies, Tally
from services.core.ticket import Ticket


def through_requester(key: str, ticket: Ticket | None, requester: Sequence[Fact], rules: Rules) -> Tallies:
    """What the requester's timeline adds on behalf of one ticket.

    Args:
        requester: That timeline.
    """
    tallies: Tallies = {}
    if ticket is not None and ticket.requester_id is not None and not ticket.deleted:
        own = story_of(key, ticket)
        add_story(own, Openings([*_others(key, requester), own]), rules, tallies)
    return tallies


def contributions(
    own: Tallies, requesters: Tallies, requester: str | None, rules: Rules, as_of: Millis
) -> list[Theme]:
    """What a ticket adds, by theme and in order of time.

    Args:
        own: By its own timeline.
        requesters: By that of ``requester``.
    """
    made_of = _kpis_by_measure(catalogue(rules.policy))
    by_theme: dict[str, list[Contribution]] = defaultdict(list)
    for tallies, whose in ((own, None), (requesters, requester)):
        for entry, tally in sorted(tallies.items(), key=_by_time):
            added = _contribution(entry, tally, whose, made_of, as_of)
            by_theme[MEANINGS[added.measure].theme].append(added)
    return [Theme(theme, by_theme[theme]) for theme in THEMES if theme in by_theme]


_PLACES = {measure: place for place, measure in enumerate(MEANINGS)}


def _by_time(item: tuple[Entry, Tally]) -> tuple[Millis, int, int]:
    (measure, at, _, step), _ = item
    return at, _PLACES[measure], step


def _contribution(
    entry: Entry, tally: Tally, whose: str | None, made_of: Mapping[str, list[str]], as_of: Millis
) -> Contribution:
    measure, at, dims, _ = entry
    count, total = tally
    kind: Literal["flow", "level", "standing"] = MEASURES[measure].name.lower()  # type: ignore[assignment]
    meaning = MEANINGS[measure]
    return Contribution(
        measure=measure,
        means=says(measure, at, count, as_of),
        kind=kind,
        at=instant(at),
        count=count,
        value=value_of(measure, at, count, total, as_of),
        unit=meaning.unit,
        cut={name: value for name, value in zip(DIMENSIONS, dims, strict=True) if value is not None},
        kpis=made_of.get(measure, []),
        counted_by=whose,
    )


def _kpis_by_measure(kpis: Catalogue) -> dict[str, list[str]]:
    result: dict[str, list[str]] = defaultdict(list)
    for name, kpi in kpis.items():
        for measure in kpi.measures:
            result[measure].append(name)
    return result


def returns(key: str, ticket: Ticket, requester: Sequence[Fact] | None, rules: Rules, as_of: Millis) -> list[Return]:
    """Whether it was settled at the first contact, and by a bot; nothing for a ticket that was never solved.

    Args:
        requester: The requester's timeline; None where it is not at hand: then nothing can be said, unless nobody
            told who it is.
    """
    story = story_of(key, ticket)
    if story.solved_at is None or (requester is None and ticket.requester_id is not None):
        return []
    openings = NOBODYS if requester is None else Openings([*_others(key, requester), story])
    policy = rules.policy
    back_at = came_back_at(story, openings, policy.fcr.repeat_match)
    judgements: list[tuple[str, Millis, Verdict]] = [
        ("first contact resolution", days * DAY_MS, judged(story, back_at, days, policy.fcr, as_of).verdict)
        for days in policy.fcr.windows_days
    ]
    window_ms = 1000 * policy.automation.window_seconds
    judgements.append(("automation", window_ms, automated(story, back_at, window_ms, as_of)))
    return [
        Return(
            figure=figure,
            window_days=window / DAY_MS,
            ends_at=instant(story.solved_at + window),
            verdict="pending" if verdict == "pending" else "yes" if verdict else "no",
            came_back_at=None if back_at is None else instant(back_at),
        )
        for figure, window, verdict in judgements
    ]


def _others(key: str, requester: Sequence[Fact]) -> list[TicketStory]:
    return [story for story in stories(requester) if story.ticket != key]


_UNTOLD = frozenset(
    {"at", "type", "event_id", "entity", "received_at", "ticket_id", "ticket_story", "visit_story", "version"}
)
_INSTANTS = frozenset({"created_at", "begins_at", "ends_at"})
_STORY_INSTANTS = frozenset({"opened_at", "solved_at", "reopened_at", "people_at"})


def told_by(fact: Fact) -> dict[str, str]:
    """What an event says beside when and of whom."""
    fields = {name: getattr(fact, name) for name in fact.__struct_fields__ if name not in _UNTOLD}
    return {name: _text(name, value, _INSTANTS) for name, value in fields.items() if value is not None}


def news_of(others: Iterable[Fact]) -> list[News]:
    """What a ticket tells others, in words."""
    return [News(to=fact.entity, type=fact.type, says=_said(fact)) for fact in others]


def _said(fact: Fact) -> dict[str, str]:
    story = fact.ticket_story
    if story is None:
        return told_by(fact)
    fields = {name: getattr(story, name) for name in story.__struct_fields__ if name not in ("ticket", "dims")}
    return {name: _text(name, value, _STORY_INSTANTS) for name, value in fields.items() if value is not None}


def _text(name: str, value: object, instants: frozenset[str]) -> str:
    if name in instants and isinstance(value, int):
        return moment(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "nobody" if value == "" else str(value)
