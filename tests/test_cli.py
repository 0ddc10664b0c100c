"""The command: exit codes and sentences."""

import json
from pathlib import Path

import pytest

from services.cli import run
from services.errors import Unavailable


@pytest.mark.parametrize("words", [["--help"], ["compute", "--help"], ["up", "--help"]])
def test_help_is_no_fault(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words, {}) == 0
    assert "Usage: deskpulse" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["dance"], id="an unknown word"),
        pytest.param(["compute"], id="an argument is missing"),
        pytest.param(["compute", "x", "--onyl", "sla"], id="an unknown option"),
    ],
)
def test_what_is_not_understood_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words, {}) == 2
    assert capsys.readouterr().err != ""


@pytest.mark.parametrize("program", ["gateway", "processor", "board", "simulate", "up"])
def test_a_misspelt_setting_stops_every_program(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([program], {"DESKPULSE_BORD_PORT": "1"}) == 1
    assert (
        capsys.readouterr().err
        == "deskpulse: DESKPULSE_BORD_PORT is not a setting; did you mean DESKPULSE_BOARD_PORT?\n"
    )


def test_an_error_of_ours_is_a_sentence_and_any_other_is_not_hidden(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("the broker is away [bold]")

    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("services.up.main", away)
    assert run(["up"], {}) == 75
    assert capsys.readouterr().err == "deskpulse: the broker is away [bold]\n"

    monkeypatch.setattr("services.up.main", bug)
    with pytest.raises(ZeroDivisionError):
        run(["up"], {})


def test_translate_prints_what_a_delivery_becomes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    payloads = Path(__file__).parent / "payloads" / "zendesk"

    code = run(
        [
            *("translate", "zendesk", str(payloads / "ticket_created.json")),
            *("--headers", str(payloads / "ticket_created.headers.json"), "--tenant", "acme"),
        ],
        {},
    )

    assert code == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[0]["type"] == "ticket.created"
    assert {event["tenant"] for event in events} == {"acme"}


def test_translate_says_what_it_cannot_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = tmp_path / "body.json"
    body.write_text("nonsense", encoding="utf-8")

    assert run(["translate", "zendesk", str(body)], {}) == 1
    assert capsys.readouterr().err.startswith("deskpulse: ")
    assert run(["translate", "nobody", str(body)], {}) == 1
    assert "nobody" in capsys.readouterr().err
    assert run(["translate", "zendesk", str(tmp_path / "nothing")], {}) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_schema_prints_a_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "events"], {}) == 0
    assert "$schema" in json.loads(capsys.readouterr().out)
    assert run(["schema"], {}) == 0
    assert capsys.readouterr().out.split() == ["events", "policy", "signals"]
    assert run(["schema", "moods"], {}) == 1
    assert "there is no schema moods; there are: events, policy" in capsys.readouterr().err
