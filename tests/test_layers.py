"""Imports point down: a reader of one layer needs to know only those below it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAMS = ("gateway", "processor", "board", "notifier", "simulator")
MAY_IMPORT = {
    "schemas": {"schemas"},
    "services/core": {"schemas", "services.core"},
    "services/adapters": {"schemas", "services.core", "services.adapters", "services.config", "services.errors"},
    **{
        f"services/{program}": {
            "schemas",
            "services.core",
            "services.adapters",
            "services.config",
            "services.errors",
            f"services.{program}",
        }
        for program in PROGRAMS
    },
}
CORE_LIBRARIES = {"services", "schemas"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_a_layer_imports_only_what_lies_below(layer: str) -> None:
    wrong = [
        f"{path}: {name}"
        for path in Path(layer).rglob("*.py")
        for name in imports(path)
        if name.split(".")[0] in CORE_LIBRARIES
        and not any(f"{name}.".startswith(f"{ok}.") for ok in MAY_IMPORT[layer])
    ]
    assert wrong == []


def test_core_adds_only_the_standard_library() -> None:
    import sys

    outside = {
        f"{path}: {name}"
        for path in Path("services/core").rglob("*.py")
        for name in imports(path)
        if name.split(".")[0] not in sys.stdlib_module_names | CORE_LIBRARIES
    }
    assert outside == set()


def test_only_the_entry_point_reads_the_environment() -> None:
    readers = {
        str(path)
        for path in Path("services").rglob("*.py")
        if "os.environ" in path.read_text() or "os.getenv" in path.read_text()
    }
    # child.py hands the inherited environment on, without our settings.
    assert readers == {"services/__main__.py", "services/adapters/child.py"}
