"""Which URLs may be fetched, which addresses may be reached, and how long a signed URL works."""

import pytest

from claimx.domain.files import (
    MAX_URL_CHARS,
    UrlRules,
    check_url,
    expires_at,
    is_expired,
    is_forbidden_address,
)
from claimx.domain.times import SECOND, parse_time
from claimx.errors import PermanentError

RULES = UrlRules(
    ("www.claimxperience.com", "bucket.s3.amazonaws.com", "*.files.example.com", "*.com"),
    ("127.0.0.1:8080", "localhost", "[::1]:9000", "fe80::1"),
)
BASE = "https://www.claimxperience.com"


@pytest.mark.parametrize(
    ("url", "kept", "host"),
    [
        (f"{BASE}/a/b?sign=S%2Fx%27~&x=1+2", None, "www.claimxperience.com"),
        (f"{BASE}:443/a", None, "www.claimxperience.com"),
        (BASE, None, "www.claimxperience.com"),
        (f"{BASE}?x=[1]", None, "www.claimxperience.com"),
        ("HTTPS://WWW.ClaimXperience.COM/A?B=c", f"{BASE}/A?B=c", "www.claimxperience.com"),
        ("https://a.files.example.com/x", None, "a.files.example.com"),
        ("https://a.b.files.example.com/x", None, "a.b.files.example.com"),
        (f"{BASE}/f%00%2e%2e/x", None, "www.claimxperience.com"),
        (f"{BASE}/é?n=日本.png", f"{BASE}/%C3%A9?n=%E6%97%A5%E6%9C%AC.png", "www.claimxperience.com"),
        (
            f"{BASE}/x?response-content-disposition=attachment;filename=%22a%22",
            None,
            "www.claimxperience.com",
        ),
        (f"{BASE}/x@y?u=a@b", None, "www.claimxperience.com"),
    ],
)
def test_an_allowed_url_is_fetched_as_it_stands(url: str, kept: str | None, host: str):
    target = check_url(url, RULES)
    assert target.url == (kept or url)
    assert (target.scheme, target.host, target.port) == ("https", host, 443)
    assert not target.may_be_private


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port"),
    [
        ("http://127.0.0.1:8080/x?y", "http", "127.0.0.1", 8080),
        ("https://127.0.0.1:8080/x", "https", "127.0.0.1", 8080),
        ("http://localhost/x", "http", "localhost", 80),
        ("http://LocalHost:1234/x", "http", "localhost", 1234),
        ("http://[::1]:9000/x", "http", "::1", 9000),
        ("https://[fe80::1]/x", "https", "fe80::1", 443),
    ],
)
def test_an_insecure_host_may_use_http_any_port_and_a_private_address(url, scheme, host, port):
    target = check_url(url, RULES)
    assert (target.url.lower(), target.scheme, target.host, target.port) == (url.lower(), scheme, host, port)
    assert target.may_be_private


HOSTILE = [
    "",
    "x",
    "/relative",
    "//www.claimxperience.com/x",
    "www.claimxperience.com/x",
    "https:www.claimxperience.com",
    "https:/www.claimxperience.com",
    "https:///www.claimxperience.com/x",
    "https://",
    "https://?x",
    "http://www.claimxperience.com/x",
    "ftp://www.claimxperience.com/x",
    "file:///etc/passwd",
    "gopher://www.claimxperience.com/x",
    "data:text/html,x",
    "javascript:alert(1)",
    "https://user@www.claimxperience.com/x",
    "https://user:pw@www.claimxperience.com/x",
    "https://www.claimxperience.com@evil.example/x",
    "https://evil.example#@www.claimxperience.com/x",
    "https://evil.example\\@www.claimxperience.com/x",
    "https:\\\\www.claimxperience.com\\x",
    f"{BASE}\\x",
    f"{BASE}/a\\b",
    f"{BASE}/?a=\\b",
    f"{BASE}/x#fragment",
    f"{BASE}/x#",
    "https://www.claimxperience.com.evil.example/x",
    "https://xwww.claimxperience.com/x",
    "https://evil.example/www.claimxperience.com",
    "https://claimxperience.com/x",
    "https://www.claimxperience.com./x",
    "https://www..claimxperience.com/x",
    "https://.www.claimxperience.com/x",
    "https://-a.files.example.com/x",
    "https://a_b.files.example.com/x",
    "https://*.files.example.com/x",
    "https://files.example.com/x",
    "https://xfiles.example.com/x",
    "https://evil.com/x",
    f"{BASE}:8443/x",
    f"{BASE}:0443/x",
    f"{BASE}:99999/x",
    f"{BASE}:/x",
    f"{BASE}:80/x",
    f"{BASE}:-443/x",
    f"{BASE}:443:443/x",
    "https://127.0.0.1/x",
    "https://127.0.0.1:8081/x",
    "https://127.1/x",
    "https://0x7f000001/x",
    "https://0x7f.1/x",
    "https://2130706433/x",
    "https://0177.0.0.1/x",
    "https://0/x",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[fe80::1%25eth0]/x",
    "https://[64:ff9b::7f00:1]/x",
    "https://[::1/x",
    "https://::1/x",
    "https://[v1.x]/x",
    "https://www.claimxperience\uff0ecom/x",
    "https://\uff57ww.claimxperience.com/x",
    "https://www.cl\u0430imxperience.com/x",
    "https://\u2460\u2461\u2466.0.0.1/x",
    "https://www.xn--claimxperience-x.com/x",
    "https://www.claimxperience%2ecom/x",
    "https://www.claimxperience.com%00.evil.example/x",
    "https://www.claimxperience.com\x00/x",
    f" {BASE}/x",
    f"{BASE}/x ",
    f"{BASE}/a b",
    f"{BASE}/a\tb",
    f"{BASE}/a\r\nHost: evil",
    f"{BASE}/a\u2028b",
    f"{BASE}/a\u00a0b",
    f"{BASE}/a\u202eb",
    f"{BASE}/a\x7fb",
    f"{BASE}/\ud800",
    "ht\ttps://www.claimxperience.com/x",
    f"{BASE}/{'x' * MAX_URL_CHARS}",
    f"{BASE}/?{'é' * (MAX_URL_CHARS // 4)}",
    f"https://{'a' * 64}.files.example.com/x",
    f"https://{'a.' * 130}files.example.com/x",
    "http://127.0.0.1:8080@evil.example/x",
    "http://127.0.0.1:8080#x",
    "http://localhost:0/x",
    "http://localhost:99999/x",
    "http://localhost.evil.example/x",
]


@pytest.mark.parametrize("url", HOSTILE, ids=lambda url: repr(url)[:50])
def test_a_hostile_url_is_refused(url: str):
    with pytest.raises(PermanentError) as caught:
        check_url(url, RULES)
    assert caught.value.code == "url.refused"


@pytest.mark.parametrize(
    "url", ["https://user:SECRET@h/x", "https://evil.example/p?sign=SECRET", f"{BASE}/ SECRET"]
)
def test_a_refusal_tells_nothing_that_was_signed(url: str):
    with pytest.raises(PermanentError) as caught:
        check_url(url, RULES)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.8",
        "192.0.0.192",
        "192.168.0.1",
        "198.18.0.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:168.63.129.16",
        "64:ff9b::a00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:0a00:0001::1",
        "2002:7f00:0001::1",
        "2001:0:1::1",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "",
        "localhost",
        "127.1",
        "1.2.3.4.5",
    ],
)
def test_an_address_that_is_not_public_is_forbidden(address: str):
    assert is_forbidden_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "52.217.1.1",
        "8.8.8.8",
        "2600::1",
        "2a00:1450::1",
        "::ffff:52.217.1.1",
        "64:ff9b::34d9:101",
        "2002:34d9:101::1",
    ],
)
def test_a_public_address_is_not(address: str):
    assert not is_forbidden_address(address)


BEGIN = parse_time("2026-01-11T15:41:40Z") or 0
MS = BEGIN // 1000
HOUR = 3600 * SECOND


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"{BASE}/get/u?filename=a&sign=S&systemDate={MS}&expires=86400000", BEGIN + 24 * HOUR),
        (f"{BASE}/get/u?SYSTEMDATE={MS}&Expires=3600000&download=true", BEGIN + HOUR),
        (
            "https://b/k?X-Amz-Algorithm=A&X-Amz-Date=20260111T154140Z&X-Amz-Expires=3600&X-Amz-Signature=S",
            BEGIN + HOUR,
        ),
        ("https://b/k?x-amz-date=20260111T154140Z&x-amz-expires=3600", BEGIN + HOUR),
        (
            "https://b/k?X-Goog-Algorithm=A&X-Goog-Date=20260111T154140Z&X-Goog-Expires=600&X-Goog-Signature=S",
            BEGIN + 600 * SECOND,
        ),
        (f"https://b/k?GoogleAccessId=A&Expires={BEGIN // SECOND}&Signature=S", BEGIN),
        ("https://b/k?X-Amz-Date=20260111T154140Z&X-Goog-Expires=600", None),
        (f"https://b/k?AWSAccessKeyId=A&Expires={BEGIN // SECOND}&Signature=S", BEGIN),
        ("https://b/k?sv=2022&se=2026-01-11T15%3A41%3A40Z&sig=S", BEGIN),
        ("https://b/k?st=2026-01-11T14:41:40Z&se=2026-01-11&sig=S", parse_time("2026-01-11")),
        (f"{BASE}/get/u?expires=86400000", None),
        (f"{BASE}/get/u?systemDate={MS}", None),
        (f"{BASE}/get/u?systemDate=x&expires=86400000", None),
        (f"{BASE}/get/u?systemDate={'9' * 5000}&expires=1", None),
        (f"{BASE}/get/u?systemDate=999999999999999&expires=999999999999999", None),
        ("https://b/k?X-Amz-Date=soon&X-Amz-Expires=3600", None),
        ("https://b/k?X-Amz-Date=20260111T154140Z&X-Amz-Expires=-1", None),
        ("https://b/k?se=2026-01-11T15:41:40Z", None),
        ("https://b/k?se=soon&sig=S", None),
        ("https://b/k", None),
        ("https://b/k?" + "&".join(f"a{n}=1" for n in range(5000)), None),
        ("", None),
        ("https://[bad?\ud800", None),
    ],
    ids=lambda value: str(value)[:60].encode(errors="replace").decode(),
)
def test_the_expiry_of_a_url_is_in_its_parameters(url: str, expected: int | None):
    assert expires_at(url) == expected


@pytest.mark.parametrize(
    ("ttl_s", "left_s", "expired"),
    [
        (3600, 61, False),
        (3600, 60, True),
        (3600, 0, True),
        (3600, -1, True),
        (40, 11, False),
        (40, 10, True),
        (0, 1, False),
        (0, 0, True),
    ],
)
def test_a_url_is_expired_a_minute_or_a_quarter_of_its_life_before_its_end(
    ttl_s: int, left_s: int, expired: bool
):
    url = f"{BASE}/u?systemDate={MS}&expires={ttl_s * 1000}"
    assert is_expired(url, BEGIN + (ttl_s - left_s) * SECOND) is expired


@pytest.mark.parametrize(
    "signed",
    [
        "X-Amz-Date=20260111T154140Z&X-Amz-Expires=40",
        "X-Goog-Date=20260111T154140Z&X-Goog-Expires=40",
        "st=2026-01-11T15:41:40Z&se=2026-01-11T15:42:20Z&sig=S",
    ],
)
def test_the_margin_of_a_short_lifetime_is_a_quarter_of_it_for_every_signer(signed: str):
    url = f"https://b/k?{signed}"
    assert not is_expired(url, BEGIN + 29 * SECOND)
    assert is_expired(url, BEGIN + 30 * SECOND)


def test_a_url_whose_begin_is_unknown_is_expired_a_minute_before_its_end():
    url = f"https://b/k?Expires={BEGIN // SECOND}"
    assert not is_expired(url, BEGIN - 61 * SECOND)
    assert is_expired(url, BEGIN - 60 * SECOND)


def test_a_url_that_does_not_tell_never_expires():
    assert not is_expired(f"{BASE}/x", BEGIN * 100)
