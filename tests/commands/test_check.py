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
        f"{policy}: line 3: backlogs: there is no such key here; perhaps backlog",
    ]


def test_the_policy_of_the_settings_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("backlogs: {}\n")

    assert run(["check"], {"DESKPULSE_POLICY": str(policy)}) == 1
    assert "line 1: backlogs" in capsys.readouterr().out


def test_the_signal_endpoints_of_the_settings_are_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoints = tmp_path / "endpoints.yaml"
    endpoints.write_text("- name: pager\n  url_env: PAGER_URL\n  secret_env: PAGER_SECRET\n")
    settings = {"DESKPULSE_SIGNAL_ENDPOINTS": str(endpoints)}

    assert run(["check"], settings) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{endpoints}: line 2: 0.url_env: the environment has no PAGER_URL",
        f"{endpoints}: line 3: 0.secret_env: the environment has no PAGER_SECRET",
    ]
    named = {"PAGER_URL": "https://pager.example/hook", "PAGER_SECRET": f"whsec_{'A' * 32}"}
    assert run(["check"], settings | named) == 0
