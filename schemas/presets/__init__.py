"""Presets: the rules of the policy as a helpdesk product has them (docs/presets). They promise nothing themselves."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

Preset = Literal["chatwoot", "frappe", "freshdesk", "jira", "zammad", "zendesk"]
PRESETS: tuple[Preset, ...] = get_args(Preset)


@cache
def rules_of(name: Preset) -> Mapping[str, Any]:
    """What a preset sets, as a policy file would say it."""
    text = (Path(__file__).parent / f"{name}.yaml").read_text(encoding="utf-8")
    rules: dict[str, Any] = yaml.safe_load(text)
    return rules
