"""The KPI cases, which are the specification: each of those that are computed so far, with every variant."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.policy import DEFAULT, laid_over
from services.commands.cases import run_case

DOCUMENT = json.loads((Path(__file__).parents[1] / "kpi_cases" / "cases.json").read_text(encoding="utf-8"))
CASES: dict[str, dict[str, Any]] = {case["id"]: case for case in DOCUMENT["cases"]}
COMPUTED = [f"KS-{number:02}" for number in range(1, 21)]


@pytest.mark.parametrize("case_id", COMPUTED)
def test_the_case_passes(case_id: str) -> None:
    outcome = run_case(CASES[case_id], laid_over(DEFAULT, DOCUMENT["default_config"]))

    assert outcome.differences == ()
