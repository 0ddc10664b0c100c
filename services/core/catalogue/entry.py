"""One KPI: its name, what it asks, and how it is made."""

from dataclasses import dataclass
from typing import Literal

from services.core.catalogue.formulas import Formula

Theme = Literal["speed", "resolution", "load", "people", "quality", "economy"]
THEMES: tuple[Theme, ...] = ("speed", "resolution", "load", "people", "quality", "economy")
Unit = Literal["seconds", "ratio", "tickets", "contacts", "agents", "visits", "events", "points", "money"]


@dataclass(frozen=True, slots=True)
class Kpi:
    """An entry of the catalogue."""

    name: str
    theme: Theme
    unit: Unit
    question: str
    formula: Formula
    edges: str = ""

    @property
    def measures(self) -> tuple[str, ...]:
        """What it is made of."""
        return self.formula.measures
