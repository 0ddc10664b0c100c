"""`deskpulse forget`: what it refuses before it looks at anything."""

from io import StringIO

import pytest
from rich.console import Console

from services.commands.forget import forget
from services.config import Settings
from services.errors import Misconfigured


@pytest.mark.parametrize("name", ["*", "mai?", "main:tickets", "", "Main"])
def test_what_is_no_name_deletes_nothing(name: str) -> None:
    with pytest.raises(Misconfigured, match="is no name of a namespace"):
        forget(Settings(redis_url="redis://127.0.0.1:1"), name, Console(file=StringIO()))
