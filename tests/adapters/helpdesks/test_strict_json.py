import pytest

from services.adapters.helpdesks.strict_json import parsed
from services.errors import Untranslatable


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"nul", "not_json"),
        (b'{"a":1,}', "not_json"),
        (b"[NaN]", "not_json"),
        (b"[-Infinity]", "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b'"\xff"', "utf8"),
        (b'"\xc0\xaf"', "utf8"),
        ('{"a":1}'.encode("utf-16"), "utf8"),
        (rb'"\ud800"', "utf8"),
        (rb'{"\udc00":1}', "utf8"),
        (b"[" * 100_000, "depth"),
        (b"[" * 41 + b"]" * 41, "depth"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "depth"),
        (b'{"id":1,"id":2}', "dup_key"),
        (b'{"a":[{"id":1,"id":1}]}', "dup_key"),
        (b"[1e400]", "number"),
        (b"1" * 5000, "number"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(Untranslatable) as refused:
        parsed(body)

    assert refused.value.reason == reason


def test_ordinary_json_is_read() -> None:
    body = rb' {"a": [1, -2.5, null, true, "\ud83d\ude00 \u003c"], "__proto__": {}} '

    assert parsed(body) == {"a": [1, -2.5, None, True, "😀 <"], "__proto__": {}}
    assert parsed(b"[" * 40 + b"]" * 40)
