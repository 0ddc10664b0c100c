"""The policy of the simulated centre."""

from pathlib import Path

from services.adapters.policy_file import load_policy
from services.simulator import demand

POLICY = Path(demand.__file__).parent / "policy.yaml"


def test_the_policy_is_valid_and_promises_every_priority_something() -> None:
    policy = load_policy(POLICY)

    assert [promise.id for promise in policy.sla.policies] == ["vip", "on-the-line", "in-writing"]
    for promise in policy.sla.policies:
        assert set(promise.targets) == {"urgent", "high", "normal", "low", "any"}
        every = promise.targets["any"]
        assert all(
            set(targets) == {"first_response", "next_response", "resolution"}
            for targets in promise.targets.values()
            if targets is not every
        )
        assert {"escalation_response", "escalation_closure"} <= set(every)


def test_an_escalation_is_promised_an_answer_within_two_business_hours() -> None:
    for promise in load_policy(POLICY).sla.policies:
        target = promise.targets["any"]["escalation_response"]
        assert target is not None
        assert (target.within, target.hours or promise.hours) == (7200, "business")


def test_only_queues_that_exist_have_hours_of_their_own() -> None:
    assert set(load_policy(POLICY).queue_calendars) < set(demand.QUEUES)
