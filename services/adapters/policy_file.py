"""The policy file: YAML or JSON, laid over the defaults, every fault named by its line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from schemas.policy import DEFAULT, Policy, laid_over
from services.errors import Misconfigured

Place = Sequence[int | str]


@dataclass(frozen=True)
class Fault:
    """What is wrong in a policy file, and on which line (from 1)."""

    line: int
    place: str
    sentence: str

    def __str__(self) -> str:
        return (
            f"line {self.line}: {self.place}: {self.sentence}" if self.place else f"line {self.line}: {self.sentence}"
        )


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
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        return None, [Fault(line, "", f"no YAML: {error.problem}")]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return None, [Fault(1, "", f"no YAML: {error}")]
    if document is None:
        return Policy(), []
    if not isinstance(document, dict):
        return None, [Fault(1, "", f"a policy is a mapping of keys, got {type(document).__name__}")]
    if faults := list(_repeated_keys(tree, ())):
        return None, faults
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
    if error["type"] == "extra_forbidden":
        sentence = "there is no such key here"
    elif isinstance(error.get("input"), (str, int, float, bool)):
        sentence += f" (got {error['input']!r})"
    line, path = _locate(tree, place)
    return Fault(line, ".".join(str(part) for part in path), sentence)


def _locate(tree: yaml.Node | None, place: Place) -> tuple[int, list[int | str]]:
    """The line of a place, or of the nearest one around it that the file has; and the place as the file spells it."""
    node, line, path = tree, 1, list[int | str]()
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if str(key.value) == str(part)), None)
            if found is None:
                continue  # such as the name of a union's member
            node, line = found[1], found[0].start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            continue
        path.append(part)
    return line, path


def _repeated_keys(node: yaml.Node | None, path: tuple[str, ...]) -> Iterator[Fault]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                yield Fault(key.start_mark.line + 1, ".".join((*path, name)), "the key is there twice")
            seen.add(name)
            yield from _repeated_keys(value, (*path, name))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _repeated_keys(value, (*path, str(number)))
