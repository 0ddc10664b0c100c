"""What open-source helpdesks and their libraries assert of deadlines, hours and pauses, in our words."""

import json
from pathlib import Path

import pytest

from services.commands.cases import run_file

FILES = sorted((Path(__file__).parents[1] / "kpi_cases" / "helpdesks").glob("*.json"))


@pytest.mark.long
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_cases_pass(path: Path) -> None:
    outcomes = list(run_file(path))

    assert len(outcomes) == len(json.loads(path.read_text(encoding="utf-8"))["cases"])
    assert {outcome.id: outcome.differences for outcome in outcomes if outcome.differences} == {}
