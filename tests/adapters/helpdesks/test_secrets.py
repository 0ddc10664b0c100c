import pytest
from pydantic import SecretStr

from services.adapters.helpdesks.secrets import believed
from services.config import Settings
from services.errors import Misconfigured


def secrets(text: str) -> dict[tuple[str, str], tuple[bytes, ...]]:
    return dict(believed(Settings(webhook_secrets=SecretStr(text))))


def test_entries_are_separated_by_commas_or_lines() -> None:
    assert secrets("zendesk/acme=one, chatwoot/acme=t=w=o\n\nfreshdesk/b.c-d=three,") == {
        ("zendesk", "acme"): (b"one",),
        ("chatwoot", "acme"): (b"t=w=o",),
        ("freshdesk", "b.c-d"): (b"three",),
    }
    assert secrets("") == {}


def test_a_tenant_may_have_two_secrets() -> None:
    assert secrets("zendesk/acme=new,zendesk/acme=old") == {("zendesk", "acme"): (b"new", b"old")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3cret", "entry 1: an entry is vendor/tenant=secret"),
        ("zendesk=s3cret", "entry 1: an entry is vendor/tenant=secret"),
        ("zendesk/acme=", "entry 1: an entry is vendor/tenant=secret"),
        ("zendesk/a=s3cret,zendes/acme=s3cret", "entry 2: no vendor is called 'zendes'; known: chatwoot"),
        ("zendesk/a b=s3cret", "entry 1: a tenant is 1 to 64"),
        ("zendesk/{a}=s3cret", "entry 1: a tenant is 1 to 64"),
        ("zendesk/=s3cret", "entry 1: a tenant is 1 to 64"),
        ("zendesk/a=s3cret,zendesk/a=s3cret2,zendesk/a=s3cret3", "entry 3: zendesk/a has more than 2 secrets"),
    ],
)
def test_a_wrong_entry_is_named_and_its_secret_is_not(text: str, said: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        secrets(text)

    assert said in str(refused.value)
    assert "s3cret" not in str(refused.value)
