"""What a foreign text may show, and what never."""

import base64
import json
from urllib.parse import quote

import pytest

from claimx.domain.redaction import redacted

TOKEN = "c2VjcmV0LXVzZXI6cGFzc3dvcmQrLw=="  # secret-user:password+/
SHORT = "dTpwdzE="  # u:pw1


@pytest.mark.parametrize(
    "text",
    [
        "Internal Server Error",
        "No rights on project 5395115. Ask your administrator.",
        '{"timestamp":"2026-01-11T15:30:02.114Z","status":500,"error":"mediaIds must be numbers"}',
        "org.springframework.web.util.NestedServletException: Request processing failed",
        "What? Nothing.",
        "media 96269553 of /export/project is gone",
    ],
)
def test_what_explains_a_failure_stays(text: str):
    assert redacted(text, 300) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "see https://h.example/a/b?filename=a b.jpg&sign=ab1&expires=1 now",
            "see https://h.example/a/b?*** now",
        ),
        ("see https://h.example/a?token", "see https://h.example/a?***"),
        ("see https://h.example/a#access", "see https://h.example/a?***"),
        ("see https://user:pw@h.example/a", "see https://h.example/a"),
        ("GET /get/x?sign=ab1&filename=b.jpg HTTP", "GET /get/x?*** HTTP"),
        ("for pat.sample+x@example.com.", "for ***"),
        ("for pat%40example.com", "for ***"),
        ("for pat&#64;example.com", "for ***"),
        (r"for pat\u0040example.com", "for ***"),
        ("for „müller@exämple.de“", "for ***"),
        ("got Basic dTpwdzE= there", "got Basic *** there"),
        ("got bearer:abc there", "got bearer *** there"),
        ('{"password": "a b\\" c", "x": 1}', '{"password": ***, "x": 1}'),
        ("X-Amz-Signature=ab1&x=1", "X-Amz-Signature=***&x=1"),
        ("Set-Cookie: SESSION=ab1; path=x", "Set-Cookie: ***; path=x"),
        ("key c2VjcmV0LXVzZXI6 here", "key *** here"),
        ("sum 0123456789abcdef0123456789abcdef", "sum ***"),
        ("call +1 (512) 555-1234 or 5125551234 or 555-1234", "call *** or *** or ***"),
        ("a\n\n  b\t\x00c\u202ed", "a b cd"),
        ("x" * 400, "***"),
    ],
)
def test_what_nobody_may_see_is_masked(text: str, shown: str):
    assert redacted(text, 300) == shown


def disguises(secret: str) -> dict[str, str]:
    plain = base64.b64decode(secret).decode()
    percent = "".join(f"%{byte:02x}" for byte in secret.encode())
    return {
        "bare": secret,
        "lower": secret.lower(),
        "upper": secret.upper(),
        "without padding": secret.rstrip("="),
        "for URLs": secret.translate(str.maketrans("+/", "-_")),
        "quoted": quote(secret, safe=""),
        "every byte quoted": percent,
        "quoted twice": quote(percent),
        "quoted three times": quote(quote(percent)),
        "html": "".join(f"&#{ord(character)};" for character in secret),
        "html hex": "".join(f"&#x{ord(character):x};" for character in secret),
        "json": "".join(f"\\u{ord(character):04x}" for character in secret),
        "slashes escaped": secret.replace("/", "\\/"),
        "in json in json": json.dumps(json.dumps({"a": secret})),
        "broken by lines": "\r\n".join(secret),
        "quoted printable": secret[:5] + "=\n" + secret[5:],
        "spaced": " ".join(secret),
        "with nulls": secret.encode("utf-16-le").decode("latin-1"),
        "full width": "".join(chr(ord(c) + 0xFEE0) for c in secret),
        "with invisible marks": "\u200b".join(secret),
        "base64 again": base64.b64encode(secret.encode()).decode(),
        "hex": secret.encode().hex(),
        "HEX": secret.encode().hex().upper(),
        "decoded": plain,
        "decoded, quoted": quote(plain, safe=""),
        "decoded, upper": plain.upper(),
    }


@pytest.mark.parametrize("secret", [TOKEN, SHORT])
@pytest.mark.parametrize("disguise", disguises(TOKEN))
def test_the_token_survives_in_no_disguise(secret: str, disguise: str):
    disguised = disguises(secret)[disguise]
    shown = redacted(f"refused, {disguised} is bad", 300, [secret])
    assert "***" in shown
    assert shown.startswith("refused, ")
    assert shown.endswith(" is bad")
    assert len(shown) <= len('refused, "{"a": "***"}" is bad')


def test_the_password_alone_is_masked_too():
    assert redacted("the password is password+/", 300, [TOKEN]) == "the password is ***"


def test_a_text_that_is_too_long_is_cut_after_masking():
    shown = redacted("a " * 140 + TOKEN, 300, [TOKEN])
    assert shown == "a " * 140 + "***"
    assert redacted("word " * 100, 20) == "word word word word…"


@pytest.mark.parametrize("kept", range(1, len(TOKEN)))
def test_the_beginning_of_a_secret_at_a_cut_is_dropped(kept: int):
    assert redacted(f"refused {TOKEN[:kept]}", 300, [TOKEN], is_cut=True) == "refused"
    assert redacted("a" * 8185 + " " + TOKEN, 9000, [TOKEN]) == "***"


@pytest.mark.parametrize("secret", ["", "  ", "==", "not base64!", "\ufeff"])
def test_a_secret_of_any_form_is_taken(secret: str):
    assert redacted("all is well", 300, [secret]) == "all is well"


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "piece",
    ["?", "a", "token", " ", "a@", "1 ", "://", '"\\', "%25", "a_", "=\\ ", "c2V ", "&amp;", "?a=&", "\\u0"],
)
def test_no_text_takes_long(piece: str):
    redacted(piece * (100_000 // len(piece)), 300, [TOKEN])
