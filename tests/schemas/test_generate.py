import json

import pytest

from schemas.generate import FOLDER, SCHEMAS, generated
from tests.schemas.test_codec import EVENTS


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_checked_in_schema_is_current(name: str) -> None:
    """After a change of the models: python -m schemas.generate."""
    assert (FOLDER / f"{name}.schema.json").read_text(encoding="utf-8") == generated(name)


def test_every_schema_has_its_file_and_no_file_is_left_over() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(f"{name}.schema.json" for name in SCHEMAS)


def test_the_schema_knows_every_type() -> None:
    assert json.loads(generated("events"))["discriminator"]["mapping"].keys() == EVENTS.keys()
