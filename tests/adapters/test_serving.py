import pytest

from services.adapters.serving import url_of


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("fd00::7", "http://[fd00::7]:8080"),
        ("desk.example", "http://desk.example:8080"),
    ],
)
def test_where_a_listening_address_is_found(host: str, url: str) -> None:
    assert url_of(host, 8080) == url
