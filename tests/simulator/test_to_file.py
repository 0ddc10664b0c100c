"""Files of simulated events."""

import gzip
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.codec import decode, encode
from schemas.events import EVENT
from services.simulator.centre import Centre
from services.simulator.to_file import write_events

UNTIL = datetime(2026, 3, 4, tzinfo=UTC)


def test_a_line_is_an_event_as_it_travels(tmp_path: Path) -> None:
    lines = write_events(tmp_path / "events.ndjson", days=0.5, until=UNTIL, tickets_per_day=200)

    written = (tmp_path / "events.ndjson").read_bytes().splitlines()
    events = Centre(7, UNTIL - timedelta(days=0.5), 200).events(UNTIL)
    assert written == [encode(event) for event in events]
    assert len(written) == lines > 200
    assert all(decode(line).event_id for line in written)


def test_a_name_in_gz_is_compressed_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.ndjson.gz", "b.ndjson.gz", "c.ndjson"):
        write_events(tmp_path / name, days=0.2, until=UNTIL, tickets_per_day=200)

    first = (tmp_path / "a.ndjson.gz").read_bytes()
    assert first == (tmp_path / "b.ndjson.gz").read_bytes()
    assert gzip.decompress(first) == (tmp_path / "c.ndjson").read_bytes()


def test_a_dash_is_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    lines = write_events("-", days=0.2, until=UNTIL, tickets_per_day=100)

    assert len(capfdbinary.readouterr().out.splitlines()) == lines


def test_faults_repeat_lines_and_delay_them_and_lose_none(tmp_path: Path) -> None:
    write_events(tmp_path / "clean", days=0.5, until=UNTIL, tickets_per_day=300)
    for name in ("faulty", "again"):
        write_events(tmp_path / name, days=0.5, until=UNTIL, tickets_per_day=300, faults=0.2)

    clean = [EVENT.validate_json(line) for line in (tmp_path / "clean").read_bytes().splitlines()]
    faulty = [EVENT.validate_json(line) for line in (tmp_path / "faulty").read_bytes().splitlines()]
    assert (tmp_path / "faulty").read_bytes() == (tmp_path / "again").read_bytes()
    seen = Counter(event.event_id for event in faulty)
    assert set(seen) == {event.event_id for event in clean}
    assert 0.07 < (len(faulty) - len(clean)) / len(clean) < 0.13
    assert max(seen.values()) == 2
    late = [event for event in faulty if event.received_at is not None]
    assert 0.07 < len(late) / len(clean) < 0.13
    assert all(event.occurred_at < event.received_at for event in late if event.received_at)


@pytest.mark.parametrize(("days", "faults"), [(0, 0), (-1, 0), (1, 1.5), (1, -0.1)])
def test_what_cannot_be_is_refused(days: float, faults: float) -> None:
    with pytest.raises(ValueError, match=r"got"):
        write_events("-", days=days, until=UNTIL, faults=faults)
