"""What customers answered when asked: satisfaction, recommendation, effort (KPI cases, convention 23)."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from schemas.codec import Dims, Fact, Millis
from schemas.policy import Ces, Csat, Policy
from services.core.kpis import mean, ratio
from services.core.tally import Tallies, add, score_step

Scale = tuple[float, float]
"""Worst and best."""


def on_scale(score: float | None, told: Scale | None, scale: Scale) -> float | None:
    """A score on the policy's scale: helpdesks that ask on another one say so.

    Args:
        told: The scale it was given on; None for the policy's.

    Returns:
        None for what is no score: off its scale, or on a scale of no width.
    """
    least, most = told or scale
    if score is None or least == most or not min(least, most) <= score <= max(least, most):
        return None
    moved = scale[0] + (score - least) * (scale[1] - scale[0]) / (most - least)
    return score if told is None or told == scale else moved if isfinite(moved) else None


def last_scores(answers: Iterable[Fact], kind: str, scale: Scale, whose: Callable[[Fact], Hashable]) -> list[float]:
    """The last answer of each subject to one kind of question, on ``scale``.

    Args:
        whose: Which subject an answer is about: an answer supersedes the earlier ones of its subject.
    """
    last: dict[Hashable, Fact] = {}
    for answer in sorted(answers, key=lambda answer: (answer.at, answer.event_id)):
        if answer.kind == kind and on_scale(answer.score, answer.scale, scale) is not None:
            last[whose(answer)] = answer
    scores = [on_scale(answer.score, answer.scale, scale) for answer in last.values()]
    return [score for score in scores if score is not None]


def add_answers(
    facts: Iterable[Fact], kinds: Iterable[str], dims_of: Callable[[Fact], Dims], policy: Policy, tallies: Tallies
) -> None:
    """What one subject adds: its last answer to each kind of question.

    Args:
        dims_of: What an answer is cut by.
    """
    scales = {"csat": policy.csat.scale, "nps": policy.nps.scale, "ces": policy.ces.scale}
    last: dict[str, tuple[Fact, float]] = {}
    for fact in facts:
        if fact.type != "survey.answered" or fact.kind not in scales:
            continue
        score, held = on_scale(fact.score, fact.scale, scales[fact.kind]), last.get(fact.kind)
        if score is not None and (held is None or (held[0].at, held[0].event_id) < (fact.at, fact.event_id)):
            last[fact.kind] = fact, score
    for kind in kinds:
        if kind in last:
            answer, score = last[kind]
            add_score(kind, answer.at, score, dims_of(answer), tallies)


def add_score(measure: str, at: Millis, score: float, dims: Dims, tallies: Tallies) -> None:
    """A score, with which the reader can tell how many lie from a line on, and their mean."""
    add(tallies, (measure, at, dims, score_step(score)), 1, round(1000 * score))


@dataclass(frozen=True, slots=True)
class CsatFigures:
    """Named as in the cases' `surveys.csat`."""

    responses: int
    satisfied_rate: float | None
    mean: float | None


def csat(scores: Sequence[float], policy: Csat) -> CsatFigures:
    """Satisfaction: the share of scores from ``satisfied_from`` on, and their mean.

    Source:
        KPI cases, convention 23; the "top two boxes" of a scale of five; docs/kpis.md, CSAT.
    """
    satisfied = sum(score >= policy.satisfied_from for score in scores)
    return CsatFigures(len(scores), ratio(satisfied, len(scores)), mean(scores))


@dataclass(frozen=True, slots=True)
class NpsFigures:
    """Named as in the cases' `surveys.nps`."""

    responses: int
    promoters: int
    passives: int
    detractors: int
    score: float | None
    """From -100 to 100."""


def nps(scores: Sequence[float]) -> NpsFigures:
    """Net promoter score, from scores of 0 to 10: the share from 9 on less that up to 6, in points.

    Source:
        KPI cases, convention 23; Reichheld, "The One Number You Need to Grow" (2003); docs/kpis.md, NPS.
    """
    promoters = sum(score >= 9 for score in scores)
    detractors = sum(score <= 6 for score in scores)
    return NpsFigures(
        responses=len(scores),
        promoters=promoters,
        passives=len(scores) - promoters - detractors,
        detractors=detractors,
        score=ratio(100 * (promoters - detractors), len(scores)),
    )


@dataclass(frozen=True, slots=True)
class CesFigures:
    """Named as in the cases' `surveys.ces`."""

    responses: int
    mean: float | None
    easy_rate: float | None


def ces(scores: Sequence[float], policy: Ces) -> CesFigures:
    """Customer effort: the mean score, and the share from ``easy_from`` on, after mirroring where high is hard.

    Source:
        KPI cases, convention 23; docs/kpis.md, CES.
    """
    if not policy.higher_is_easier:
        scores = [sum(policy.scale) - score for score in scores]
    easy = sum(score >= policy.easy_from for score in scores)
    return CesFigures(len(scores), mean(scores), ratio(easy, len(scores)))
