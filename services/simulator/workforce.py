"""Workforce management: who is planned to do what, told a day ahead, and who is taken out of the plan."""

from functools import partial

from schemas.codec import instant
from services.simulator.agenda import Agenda
from services.simulator.demand import MINUTE, SECOND
from services.simulator.roster import Planned, Shift

_NOTICED_AFTER = 25 * MINUTE
"""How long after the beginning of a shift the plan forgets who called in sick."""


class Workforce:
    """Tells the plan of each shift."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    def publish(self, shift: Shift) -> None:
        """Tell a shift's plan now: the whole of it first, since of two that overlap the one told later holds."""
        whole, *laid_over = shift.plan
        self._tell(shift, whole)
        for number, planned in enumerate(laid_over, 1):
            self._agenda.after(number * SECOND, partial(self._tell, shift, planned))
        # Of the absent every other one has called; the others are missed.
        if shift.absent and shift.begins_at % 2 and shift.begins_at + _NOTICED_AFTER > self._agenda.now:
            off = Planned("off", whole.begins_at, whole.ends_at)
            self._agenda.at(shift.begins_at + _NOTICED_AFTER, partial(self._tell, shift, off))

    def _tell(self, shift: Shift, planned: Planned) -> None:
        person = shift.person
        self._agenda.tell(
            "agent.scheduled",
            agent_id=person.agent_id,
            team=person.team,
            queue=person.skills[0],
            begins_at=instant(planned.begins_at),
            ends_at=instant(planned.ends_at),
            activity=planned.activity,
        )
