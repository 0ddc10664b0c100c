"""The mailing that asks customers, with no ticket in mind, whether they would recommend us."""

from collections.abc import Iterator
from random import Random

from schemas.codec import Millis
from services.simulator.aftermath import SCALES, score_of
from services.simulator.agenda import Happening
from services.simulator.demand import DAY, HOUR, Demand, draw

_ANSWERS = 0.02
"""A day, for each ticket."""
_GRADES = {"5": 0.5, "4": 0.24, "3": 0.14, "2": 0.07, "1": 0.05}


def recommendations(demand: Demand, midnight: Millis) -> Iterator[Happening]:
    """The answers of the UTC day that begins at ``midnight``, in no order."""
    rng = Random(f"mailing/{demand.seed}/{midnight // DAY}")  # noqa: S311
    for _ in range(round(_ANSWERS * demand.tickets_per_day)):
        at = midnight + int(rng.triangular(7, 23, 10) * HOUR)
        score = score_of(rng, "nps", int(draw(rng, _GRADES)))
        told = {"kind": "nps", "score": score, "scale": SCALES["nps"], "requester_id": demand.requester(rng)}
        yield Happening(at, "survey.answered", told | {"actor": "customer"})
