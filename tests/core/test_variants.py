"""What vendors mean by the same name."""

from schemas.policy import DEFAULT, Policy, laid_over
from services.core.variants import SETTINGS, variants


def titles(policy: Policy) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for variant in variants(policy):
        found.setdefault(variant.setting, []).append(variant.title)
    return found


def test_of_a_setting_that_says_yes_the_variant_says_no() -> None:
    path = "first_response.bot_counts"

    assert titles(Policy())[path] == ["bot answers count"]
    assert titles(Policy.model_validate({"first_response": {"bot_counts": True}}))[path] == [
        "bot answers do not count"
    ]


def test_every_other_choice_of_a_setting_is_a_variant() -> None:
    found = titles(Policy.model_validate(laid_over(DEFAULT, PROMISES)))

    choices = {setting.path: len(setting.choices) for setting in SETTINGS}
    assert {path: len(names) + 1 for path, names in found.items()} == choices


def test_a_variant_differs_in_its_setting_alone() -> None:
    policy = Policy.model_validate(laid_over(DEFAULT, PROMISES))

    [no_pause] = [variant for variant in variants(policy) if variant.title == "no pause"]

    changed = no_pause.policy.model_dump()
    changed["sla"]["pause"]["resolution"] = ["pending"]
    assert changed == policy.model_dump()


def test_a_choice_that_is_the_policys_in_another_order_is_none() -> None:
    states = ["meeting", "training", "wrap_up", "busy", "available"]
    policy = Policy.model_validate({"utilisation": {"denominator_states": states}})

    assert titles(policy)["utilisation.denominator_states"] == titles(Policy())["utilisation.denominator_states"]


def test_without_promises_their_hours_are_no_variant() -> None:
    assert "sla.hours" not in titles(Policy())


PROMISES = {"sla": {"policies": [{"id": "std", "hours": "business", "targets": {"normal": {"resolution": 60}}}]}}


def test_the_state_is_the_same_just_for_what_only_the_reader_needs() -> None:
    policy = Policy.model_validate(laid_over(DEFAULT, PROMISES))

    for variant in variants(policy):
        assert (variant.policy.fingerprint() == policy.fingerprint()) == variant.read_only, variant.title
