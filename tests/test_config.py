"""Settings from an environment."""

from pathlib import Path

import pytest

from services.config import Settings
from services.errors import Misconfigured


def refused(environ: dict[str, str]) -> str:
    with pytest.raises(Misconfigured) as caught:
        Settings.from_env(environ)
    return str(caught.value)


def test_what_is_not_ours_is_left_alone() -> None:
    assert Settings.from_env({"PATH": "/bin", "KAFKA_BROKERS": "x:1"}) == Settings()


def test_every_variable_is_a_setting() -> None:
    settings = Settings.from_env({"DESKPULSE_BOARD_PORT": "9090", "DESKPULSE_KAFKA_BROKERS": "a:1,b:2"})

    assert (settings.board_port, settings.kafka_brokers) == (9090, "a:1,b:2")


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("DESKPULSE_BOARD_PROT", "DESKPULSE_BOARD_PORT"),
        ("DESKPULSE_KAFKA_BROKER", "DESKPULSE_KAFKA_BROKERS"),
        ("DESKPULSE_REDIS", "DESKPULSE_REDIS_URL"),
        ("DESKPULSE_WEBHOOK_SECRET", "DESKPULSE_WEBHOOK_SECRETS"),
        ("DESKPULSE_WEBHOOK_SECRET_FILE", "DESKPULSE_WEBHOOK_SECRETS"),
    ],
)
def test_a_misspelt_variable_is_named_with_the_nearest_right_one(variable: str, meant: str) -> None:
    assert refused({variable: "x"}) == f"{variable} is not a setting; did you mean {meant}?"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DESKPULSE_BOARD_PORT", "eighty"),
        ("DESKPULSE_BOARD_PORT", "70000"),
        ("DESKPULSE_PARTITIONS", "0"),
        ("DESKPULSE_NAMESPACE", "a:b"),
        ("DESKPULSE_KAFKA_BROKERS", "localhost"),
        ("DESKPULSE_REQUESTER_IDS", "clear"),
    ],
)
def test_a_value_that_does_not_fit_is_named_by_its_variable(variable: str, value: str) -> None:
    assert refused({variable: value}).startswith(f"{variable}: ")


def test_every_fault_is_told() -> None:
    message = refused({"DESKPULSE_BOARD_PORT": "x", "DESKPULSE_PARTITIONS": "y"})

    assert "DESKPULSE_BOARD_PORT" in message
    assert "DESKPULSE_PARTITIONS" in message


def test_a_value_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("s3cret\n", encoding="utf-8")

    settings = Settings.from_env({"DESKPULSE_EVENTS_TOKEN_FILE": str(path)})

    assert settings.events_token is not None
    assert settings.events_token.get_secret_value() == "s3cret"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nothing"

    message = refused({"DESKPULSE_EVENTS_TOKEN_FILE": str(path)})

    assert message.startswith(f"DESKPULSE_EVENTS_TOKEN_FILE: {path} cannot be read")


def test_a_secret_never_shows() -> None:
    secrets = {"DESKPULSE_EVENTS_TOKEN": "hush-1", "DESKPULSE_WEBHOOK_SECRETS": "zendesk/acme=hush-2"}

    settings = Settings.from_env(secrets)
    message = refused(secrets | {"DESKPULSE_BOARD_PORT": "hush-3"})

    for shown in (repr(settings), str(settings.model_dump()), message):
        assert "hush" not in shown


def test_a_value_and_a_file_for_one_setting_are_one_too_many(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("one", encoding="utf-8")

    message = refused({"DESKPULSE_EVENTS_TOKEN": "other", "DESKPULSE_EVENTS_TOKEN_FILE": str(path)})

    assert "DESKPULSE_EVENTS_TOKEN_FILE" in message
