from pathlib import Path

import pytest

from services.cli import run


def test_nothing_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check"], {}) == 0
    assert capsys.readouterr().out == "The settings and the policy are right.\n"


def test_settings_and_policy_are_both_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("sla:\n  at_risk_ratio: 8\nbacklogs: {}\n")

    code = run(["check", "--policy", str(policy)], {"DESKPULSE_BOARD_PROT": "80"})

    assert code == 1
    assert capsys.readouterr().out.splitlines() == [
        "DESKPULSE_BOARD_PROT is not a setting; did you mean DESKPULSE_BOARD_PORT?",
        f"{policy}: line 2: sla.at_risk_ratio: Input should be less than or equal to 1 (got 8)",
        f"{policy}: line 3: backlogs: there is no such key here",
    ]


def test_the_policy_of_the_settings_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("backlogs: {}\n")

    assert run(["check"], {"DESKPULSE_POLICY": str(policy)}) == 1
    assert "line 1: backlogs" in capsys.readouterr().out
