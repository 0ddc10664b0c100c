"""The KPI cases, which are the specification: each, with every variant."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.policy import DEFAULT, laid_over
from services.commands.cases import run_case

DOCUMENT = json.loads((Path(__file__).parents[1] / "kpi_cases" / "cases.json").read_text(encoding="utf-8"))
CASES: dict[str, dict[str, Any]] = {case["id"]: case for case in DOCUMENT["cases"]}


@pytest.mark.parametrize("case_id", CASES)
def test_the_case_passes(case_id: str) -> None:
    outcome = run_case(CASES[case_id], laid_over(DEFAULT, DOCUMENT["default_config"]))

    assert outcome.differences == ()
