"""Whatever is around it, what is secret does not come out."""

from hypothesis import given, settings
from hypothesis import strategies as st

from claimx.domain.redaction import redacted

TOKEN = "Zm9vLXVzZXI6YmFyLXBhc3N3b3Jk"  # foo-user:bar-password
SIGNATURE = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
MAIL = "pat.sample@example.com"
PLANTED = st.sampled_from(
    [
        (TOKEN, TOKEN),
        (f"Basic {TOKEN}", TOKEN),
        ("foo-user:bar-password", "bar-password"),
        (f"https://h.example/x?sign={SIGNATURE}&expires=1", SIGNATURE),
        ("https://h.example/x?sign=ab12&expires=1", "ab12"),
        (SIGNATURE, SIGNATURE),
        (MAIL, MAIL),
    ]
)
AROUND = st.text(max_size=60) | st.text("a?&=%\\\"' /:@;#<>.-\n", max_size=60)
CASES = st.sampled_from([str, str.lower, str.upper])


@settings(deadline=None)
@given(AROUND, PLANTED, CASES, AROUND)
def test_what_is_planted_does_not_come_out(before, planted, case, after):
    text, secret = planted
    shown = redacted(f"{before} {case(text)} {after}", 300, [TOKEN])
    assert secret.lower() not in shown.lower()


@settings(deadline=None)
@given(st.text(max_size=400), st.integers(1, 50), st.booleans())
def test_any_text_is_taken_and_kept_to_its_limit(text, limit, is_cut):
    shown = redacted(text, limit, [TOKEN], is_cut=is_cut)
    assert len(shown) <= limit
    assert "\n" not in shown
    shown.encode()


@settings(deadline=None)
@given(st.text(max_size=60), st.text(min_size=1, max_size=30))
def test_any_secret_is_masked_where_it_stands_alone(before, secret):
    shown = redacted(f"{before} {secret}", 300, [secret])
    bare = "".join(secret.split())
    assert len(bare) < 4 or not shown.endswith(f" {bare}") or bare.strip("*") == ""
