"""`deskpulse check`: what is wrong with the settings and the policy, before anything starts."""

from collections.abc import Mapping
from pathlib import Path

from services.adapters.helpdesks.secrets import believed
from services.adapters.policy_file import load_policy
from services.adapters.signal_endpoints import load_endpoints
from services.config import Settings
from services.errors import Misconfigured


def faults(environ: Mapping[str, str], policy: Path | None) -> list[str]:
    """Every fault, one sentence each.

    Args:
        policy: Another policy file than that of the settings.
    """
    found = []
    path = policy
    try:
        settings = Settings.from_env(environ)
        path = policy or settings.policy
        believed(settings)
        if settings.signal_endpoints is not None:
            load_endpoints(settings.signal_endpoints, environ)
    except Misconfigured as error:
        found += str(error).splitlines()
    try:
        load_policy(path)
    except Misconfigured as error:
        found += str(error).splitlines()
    return found
