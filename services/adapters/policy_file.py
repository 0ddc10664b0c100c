"""The policy file: YAML or JSON, laid over the defaults, every fault named by its line."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from schemas.policy import DEFAULT, Policy, laid_over
from services.adapters.yaml_lines import Fault, Place, locate, read_yaml
from services.errors import Misconfigured


def load_policy(path: Path | None) -> Policy:
    """The policy in a file; the defaults when there is none.

    Raises:
        Misconfigured: it cannot be read, or is no policy; every fault is named by its line.
    """
    if path is None:
        return Policy()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"the policy file {path} cannot be read: {error}") from None
    policy, faults = parse_policy(text)
    if policy is None:
        raise Misconfigured("\n".join(f"{path}: {fault}" for fault in faults))
    return policy


def parse_policy(text: str) -> tuple[Policy | None, list[Fault]]:
    """The policy that ``text`` says, or else what is wrong with it."""
    tree, document, faults = read_yaml(text)
    if faults:
        return None, faults
    if document is None:
        return Policy(), []
    if not isinstance(document, dict):
        return None, [Fault(1, "", f"a policy is a mapping of keys, got {type(document).__name__}")]
    try:
        return Policy.model_validate(laid_over(DEFAULT, document)), []
    except ValidationError as error:
        return None, [_fault(tree, dict(one)) for one in error.errors(include_url=False)]


def _fault(tree: yaml.Node | None, error: dict[str, Any]) -> Fault:
    place: Place = error["loc"]
    sentence = str(error["msg"]).removeprefix("Value error, ")
    if not place and ": " in sentence:  # what spans several keys names its place itself
        named, sentence = sentence.split(": ", 1)
        place = tuple(int(part) if part.isdigit() else part for part in named.split("."))
    if error["type"] == "misplaced":  # it knows where in its section it is
        place = (*place, *error["ctx"]["place"])
    elif error["type"] == "extra_forbidden":
        sentence = "there is no such key here"
    elif isinstance(error.get("input"), (str, int, float, bool)):
        sentence += f" (got {error['input']!r})"
    line, path = locate(tree, place)
    return Fault(line, ".".join(str(part) for part in path), sentence)
