"""The file of signal endpoints: what it may say, and what is said of its faults."""

import base64
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from services.adapters.signal_endpoint_entry import Entry
from services.adapters.signal_endpoints import Endpoint, load_endpoints, parse_endpoints
from services.errors import Misconfigured

KEYS = [bytes([65 + number]) * 24 for number in range(6)]
SECRETS = ["whsec_" + base64.b64encode(key).decode() for key in KEYS]


def parsed(*entries: dict[str, Any], **environ: str) -> list[Endpoint]:
    endpoints, faults = parse_endpoints(yaml.safe_dump(list(entries)), environ)
    assert [str(fault) for fault in faults] == []
    return endpoints


def test_what_is_left_out_has_a_default() -> None:
    (one,) = parsed({"name": "pager", "url": "https://pager.example/hook", "secrets": [SECRETS[0]]})

    assert one == Endpoint(
        name="pager",
        url="https://pager.example/hook",
        secrets=(KEYS[0],),
        types=None,
        match={},
        format="standard",
        timezone=ZoneInfo("UTC"),
        timeout_s=15,
        give_up_after_s=86400,
        first_retry_s=5,
        longest_retry_s=3600,
        in_flight=8,
        pending=256,
    )


def test_secrets_and_addresses_come_from_the_file_other_files_and_the_environment(tmp_path: Path) -> None:
    (tmp_path / "two").write_text(f"{SECRETS[1]}\n{SECRETS[2]}\n")
    (tmp_path / "one").write_text(SECRETS[3])
    (tmp_path / "url").write_text("https://b.example/hook\n")

    a, b, c = parsed(
        {
            "name": "a",
            "url": "https://a.example",
            "secrets": SECRETS[0],
            "secret_files": [str(tmp_path / "two")],
            "secret_file": str(tmp_path / "one"),
            "secret_env": ["FOUR", "FIVE"],
        },
        {"name": "b", "url_file": str(tmp_path / "url"), "secret_env": "FOUR"},
        {"name": "c", "url_env": "URL", "format": "slack"},
        FOUR=SECRETS[4],
        FIVE=SECRETS[5],
        URL="https://c.example/T1/B2/secret",
    )

    assert a.secrets == tuple(KEYS)
    assert (b.url, b.secrets) == ("https://b.example/hook", (KEYS[4],))
    assert (c.url, c.secrets) == ("https://c.example/T1/B2/secret", ())


def test_everything_can_be_set() -> None:
    (one,) = parsed(
        {
            "name": "night-shift_2",
            "url": "http://localhost:8080",
            "secrets": [SECRETS[0].rstrip("=")],
            "types": ["sla.breached", "sla.withdrawn"],
            "match": {"queue": "billing", "priority": ["high", "urgent"], "tenant": "acme"},
            "format": "slack",
            "timezone": "Europe/Berlin",
            "timeout": 20,
            "give_up_after": "1d12h",
            "first_retry": "1.5s",
            "longest_retry": "1h30m",
            "in_flight": 1,
            "pending": 1000,
        }
    )

    assert one.types == frozenset({"sla.breached", "sla.withdrawn"})
    assert one.match == {"queue": {"billing"}, "priority": {"high", "urgent"}, "tenant": {"acme"}}
    assert (one.format, str(one.timezone)) == ("slack", "Europe/Berlin")
    assert (one.timeout_s, one.give_up_after_s, one.first_retry_s, one.longest_retry_s) == (20, 129600, 1.5, 5400)
    assert (one.in_flight, one.pending) == (1, 1000)


GOOD = f"- name: a\n  url: https://a.example\n  secrets: {SECRETS[0]}\n"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        pytest.param("", ["line 1: endpoints are a list, each with a name and a url"], id="empty"),
        pytest.param("a: 1", ["line 1: endpoints are a list, each with a name and a url"], id="no list"),
        pytest.param(
            "- name: [", ["line 1: no YAML: expected the node content, but found '<stream end>'"], id="yaml"
        ),
        pytest.param(GOOD + "  urll: x\n", ["line 4: 0.urll: there is no such key here"], id="unknown key"),
        pytest.param(GOOD + "  url: x\n", ["line 4: 0.url: the key is there twice"], id="twice"),
        pytest.param(GOOD + GOOD, ["line 4: 1.name: another endpoint is called a as well"], id="same name"),
        pytest.param(
            GOOD.replace("name: a", "name: A/b"),
            ["line 1: 0.name: String should match pattern '^[a-z0-9][a-z0-9_-]{0,39}$' (got 'A/b')"],
            id="name",
        ),
        pytest.param(
            GOOD + "  timeout: 5min\n  give_up_after: 30d\n",
            [
                "line 4: 0.timeout: a duration is a number of seconds or such as 15s, 30m, 24h, 1h30m (got '5min')",
                "line 5: 0.give_up_after: Input should be less than or equal to 1209600 (got '30d')",
            ],
            id="durations",
        ),
        pytest.param(
            GOOD + "  types: [sla.broken]\n",
            [
                "line 4: 0.types.0: Input should be 'sla.at_risk', 'sla.breached', 'sla.met_late' or 'sla.withdrawn' "
                "(got 'sla.broken')"
            ],
            id="type",
        ),
        pytest.param(
            GOOD + "  timezone: Europe/Bärlin\n",
            ["line 4: 0.timezone: no such time zone; a time zone is such as Europe/Berlin (got 'Europe/Bärlin')"],
            id="time zone",
        ),
        pytest.param(
            "- name: a\n  url: https://a.example\n",
            ["line 1: 0: without a secret nobody can tell who sent it; give secrets, secret_files or secret_env"],
            id="no secret",
        ),
        pytest.param(
            f"- name: a\n  secrets: {SECRETS[0]}\n", ["line 1: 0: give one of url, url_file and url_env"], id="no url"
        ),
        pytest.param(
            GOOD + "  url_env: X\n", ["line 1: 0: give one of url, url_file and url_env"], id="two addresses"
        ),
        pytest.param(
            f"- name: a\n  url_env: U\n  secret_env: [S, T]\n  secrets: [{SECRETS[0]}]\n",
            [
                "line 2: 0.url_env: the environment has no U",
                "line 3: 0.secret_env.0: the environment has no S",
                "line 3: 0.secret_env.1: the environment has no T",
            ],
            id="not in the environment",
        ),
        pytest.param(
            GOOD + "  secret_file: /nowhere/at/all\n",
            ["line 4: 0.secret_file: /nowhere/at/all cannot be read: No such file or directory"],
            id="no file",
        ),
    ],
)
def test_each_fault_is_named_by_its_line(text: str, faults: list[str]) -> None:
    assert [str(fault) for fault in parse_endpoints(text, {})[1]] == faults


@pytest.mark.parametrize(
    "line",
    [
        "secrets: s3cr3t",
        "secrets: [whsec_s3cr3t]",
        "secrets: whsec_" + base64.b64encode(b"s3cr3t" * 20).decode(),
        "secrets: {s3cr3t: 1}",
        "secrets: 33333333",
        f"secret_file: {SECRETS[1]}",
        f"secret_env: [{SECRETS[1]}]",
        "url: ftp://s3cr3t.example",
        'url: "https://a.example/s3cr3t\\nx"',
        "url: https:///s3cr3t",
        "url: https://a.example:99999/s3cr3t",
        "url: [s3cr3t]",
        "url_env: {s3cr3t: 3}",
    ],
)
def test_no_fault_shows_what_may_be_a_secret(line: str) -> None:
    entry = {"name": "name: a", "url": "url: https://a.example", "secrets": f"secrets: {SECRETS[0]}"}
    entry[line.partition(":")[0]] = line
    if line.startswith("url_env"):
        del entry["url"]

    _, faults = parse_endpoints("- " + "\n  ".join(entry.values()), {})

    assert faults
    said = "".join(map(str, faults)).replace("secrets.s3cr3t", "").replace("url_env.s3cr3t", "")
    for hidden in ("s3cr3t", "33333333", SECRETS[1], base64.b64encode(b"s3cr3t" * 20).decode()):
        assert hidden not in said


def test_an_endpoint_does_not_show_its_secrets() -> None:
    (one,) = parsed({"name": "a", "url": "https://u:p4ss@a.example:8443/s3cr3t?s3cr3t", "secrets": SECRETS[0]})

    assert one.where == "https://a.example:8443"
    for hidden in ("s3cr3t", "p4ss", SECRETS[0], repr(KEYS[0])):
        assert hidden not in repr(one)


@pytest.mark.parametrize(
    ("url", "open_to_all"),
    [
        ("https://a.example", False),
        ("http://a.example", True),
        ("http://localhost:1", False),
        ("http://[::1]", False),
    ],
)
def test_what_goes_in_the_clear_is_known(url: str, open_to_all: bool) -> None:
    (one,) = parsed({"name": "a", "url": url, "secrets": SECRETS[0]})

    assert one.in_the_clear is open_to_all


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"signal endpoints .*nothing\.yaml cannot be read"):
        load_endpoints(tmp_path / "nothing.yaml", {})


def test_every_fault_of_a_file_is_told_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "endpoints.yaml"
    file.write_text("- name: A\n  urll: x\n")

    with pytest.raises(Misconfigured) as told:
        load_endpoints(file, {})

    first, second = str(told.value).splitlines()
    assert first.startswith(f"{file}: line 1: 0.name: ")
    assert second == f"{file}: line 2: 0.urll: there is no such key here"


def test_the_example_of_the_page_is_right() -> None:
    page = Path("docs/webhooks-out.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)

    endpoints, faults = parse_endpoints(example, {"BILLING_CHAT_URL": "https://chat.example/T1/B2/secret"})

    assert faults == []
    assert [each.name for each in endpoints] == ["pager", "billing-chat"]
    for key in Entry.model_fields:
        assert f"`{key}`" in page
