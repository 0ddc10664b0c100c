"""A YAML file whose faults are named by their lines."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

Place = Sequence[int | str]


@dataclass(frozen=True)
class Fault:
    """What is wrong in a file, and on which line (from 1)."""

    line: int
    place: str
    sentence: str

    def __str__(self) -> str:
        return (
            f"line {self.line}: {self.place}: {self.sentence}" if self.place else f"line {self.line}: {self.sentence}"
        )


class _Loader(yaml.SafeLoader):
    """Without what surprises in YAML 1.1: 17:00 is a time of day and not 1020, NO a country, ON a province.

    What may be a date is text, as in JSON; whoever wants a date reads it, and says where it is none.
    """


_RESOLVED_ANEW = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    "float": (
        r"[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.inf)|\.nan",
        "-+.0123456789",
    ),
}
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in {*_RESOLVED_ANEW, "timestamp"}
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _kind, (_pattern, _first) in _RESOLVED_ANEW.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"(?:{_pattern})$"), list(_first))


def read_yaml(text: str) -> tuple[yaml.Node | None, Any, list[Fault]]:
    """The nodes of ``text``, which know their lines; what it says; and what makes it no YAML, or no clear one."""
    try:
        tree = yaml.compose(text, Loader=_Loader)
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        return None, None, [Fault(line, "", f"no YAML: {error.problem}")]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return None, None, [Fault(1, "", f"no YAML: {error}")]
    return tree, document, list(_repeated_keys(tree, ()))


def locate(tree: yaml.Node | None, place: Place) -> tuple[int, list[int | str]]:
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
