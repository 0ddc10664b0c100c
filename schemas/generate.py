"""The JSON Schemas of what travels between programs, for other languages: `schemas/json/`."""

import json
from pathlib import Path
from typing import Any

from schemas.events import EVENT
from schemas.policy import Policy
from schemas.signals import Signal

FOLDER = Path(__file__).parent / "json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _events() -> dict[str, Any]:
    return EVENT.json_schema()


def _policy() -> dict[str, Any]:
    return Policy.model_json_schema(mode="validation")


def _signals() -> dict[str, Any]:
    return Signal.model_json_schema(mode="serialization")


SCHEMAS = {"events": _events, "policy": _policy, "signals": _signals}


def generated(name: str) -> str:
    """The text of `schemas/json/<name>.schema.json`."""
    return json.dumps({"$schema": _DIALECT, **SCHEMAS[name]()}, indent=2, sort_keys=True) + "\n"


def write() -> None:
    """Write them all; done after every change of the models."""
    FOLDER.mkdir(exist_ok=True)
    for name in SCHEMAS:
        (FOLDER / f"{name}.schema.json").write_text(generated(name), encoding="utf-8")


if __name__ == "__main__":
    write()
