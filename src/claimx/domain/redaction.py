"""What of a foreign text may be shown: secrets, signed queries and people's addresses are masked.

For texts that others wrote (error bodies of servers). What is masked wrongly costs a word of a message; what is not
masked stands in a log for ever: in doubt it is masked.
"""

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

MASK = "***"

_LONGEST = 8192
_ROUNDS = 4
"""Encodings within encodings that are undone; what is deeper is a long run, and masked as one."""
_SHORTEST_PART = 4
_SHORTEST_LETTERS = 32
_FILL = " \t\r\n\\="
_GAP = r"[\s\\=]*"
"""May stand between the characters of a secret: breaks of lines, escapes."""

_PLAIN = re.compile(r"(?:v1:)?[\w.-]*")
"""Ids, codes, names of topics: nothing in them could be masked by ``harmless``."""
_IN_URLS = ("://", "?", "@")
_SCHEMES = ("basic", "bearer", "digest", "negotiate")
_NAMES = ("authori", "token", "secret", "passw", "pwd", "sig", "credential", "cookie", "session", "api")
"""What a text must have before the pattern of the same name is worth its price."""
_ENCODED = re.compile(r"%(?:25)*(?:2[6f]|3[adf]|40)|\\u00|\\x|&#|&amp;", re.IGNORECASE)

_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
_BLANK_ESCAPE = re.compile(r"\\[nrtbf]")
_UNFINISHED = re.compile(r"(?<![\w+/=%&;#\\-])[\w+/=%&;#\\-]+\Z")
_USER = re.compile(r"(?<=://)[^\s/?#\"'<>]*@")
_URL = re.compile(r"://[^\s\"'<>]*")
_QUERY_START = re.compile("[?#]")
_PAIRS = re.compile(r"\?[^\s\"'<>=?]*=(?:[^\"'<>\r\n]*&[^\s\"'<>&=]*=)?[^\s\"'<>]*")
_SCHEME = re.compile(r"\b(basic|bearer|digest|negotiate)[\s:=\"']+[^\s\"',;<>]+", re.IGNORECASE)
_NAMED = re.compile(
    r"((?:authori[sz]ation|token|secret|passw(?:or)?d|pwd|signature|credential|cookie|session|api-?_?key|\bsign?(?![a-z]))"
    r"[\w-]{0,20}[\"']?\s*[:=]\s*)(?:\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^\s\"'&,;<>]+)",
    re.IGNORECASE,
)
_MAIL = re.compile(r"(?<![^\s@<>\"'(),;:=/?&])[^\s@<>\"'(),;:=/?&]+@[^\s@<>\"'(),;:/?&]+")
_RUN = re.compile(r"[A-Za-z0-9+/_%-]{16,}")
_WORDS = re.compile(rf"(?:[/_-]*[A-Za-z]{{1,{_SHORTEST_LETTERS}}}(?![A-Za-z]))+[/_-]*")
_PHONE = re.compile(r"(?<![\w.])\+?\(?\d(?:[ ().-]{0,2}\d){8,}(?!\w)|(?<![\w.-])\d{3}[ .-]\d{4}(?![\w.-])")


def redacted(text: str, limit: int, secrets: Iterable[str] = (), *, is_cut: bool = False) -> str:
    """Return what may be shown of a text: blanks collapsed, masked, at most ``limit`` characters.

    Masked are queries and users of URLs, e-mail addresses, credentials of authorization headers, values named like
    secrets, long runs that look like base64 or hex, and what looks like a phone number. Escapes (percent, HTML, JSON)
    are undone first, so that what stands there in disguise is masked, too.

    Args:
        secrets: texts that must not survive: base64 ones are masked decoded, too; any of them in any casing, encoded
            once more, or broken by blanks.
        is_cut: the text goes on where this ends: its last word may be the beginning of a secret.
    """
    patterns = [_pattern(form) for secret in secrets for form in _forms(secret) if form.strip(_FILL)]
    if is_cut or len(text) > _LONGEST:
        text = _UNFINISHED.sub("", text[:_LONGEST])
    shown = _plain(text)
    for _ in range(_ROUNDS):
        shown = _masked(shown, patterns)
        decoded = _plain(_decoded(shown))
        if decoded == shown:
            break
        shown = decoded
    shown = " ".join(_masked(shown, patterns).split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def harmless(text: str) -> str:
    """Return a text of ours without what says itself that it is secret; ids, paths and digests stay as they are.

    Masked are queries and users of URLs, credentials, and values named like secrets. A text with escapes of what
    begins a query is redacted in full. Costs little where there is nothing to mask.
    """
    if _PLAIN.fullmatch(text):
        return text
    if ("%" in text or "\\" in text or "&" in text) and _ENCODED.search(text):
        return redacted(text, _LONGEST)
    low = text.lower()
    if any(mark in low for mark in _IN_URLS):
        text = _URL.sub(_cut_query, _PAIRS.sub(f"?{MASK}", _USER.sub("", text)))
    if any(scheme in low for scheme in _SCHEMES):
        text = _SCHEME.sub(rf"\1 {MASK}", text)
    if any(name in low for name in _NAMES):
        text = _NAMED.sub(rf"\1{MASK}", text)
    return text


def _masked(text: str, patterns: Iterable[re.Pattern[str]]) -> str:
    for pattern in patterns:
        text = pattern.sub(MASK, text)
    text = _URL.sub(_cut_query, _PAIRS.sub(f"?{MASK}", _USER.sub("", text)))
    text = _SCHEME.sub(rf"\1 {MASK}", text)
    text = _MAIL.sub(MASK, _NAMED.sub(rf"\1{MASK}", text))
    return _PHONE.sub(MASK, _RUN.sub(_mask_of_run, text))


def _cut_query(found: re.Match[str]) -> str:
    path, *rest = _QUERY_START.split(found[0], maxsplit=1)
    return f"{path}?{MASK}" if rest else path


def _mask_of_run(found: re.Match[str]) -> str:
    """Mask a run unless it is made of words: the long name of a class, a path."""
    return found[0] if _WORDS.fullmatch(found[0]) else MASK


def _plain(text: str) -> str:
    """Fold look-alikes, and drop what is not seen: controls, marks of direction, surrogates."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(
        character for character in folded if character.isspace() or unicodedata.category(character)[0] != "C"
    )


def _decoded(text: str) -> str:
    text = _BLANK_ESCAPE.sub(" ", _ESCAPED.sub(lambda found: chr(int(found[1] or found[2], 16)), text))
    return html.unescape(unquote(text.replace("\\/", "/").replace('\\"', '"')))


def _forms(secret: str) -> Iterator[str]:
    """List what a secret may look like. Padding is left out: what is found without it is found with it."""
    bare = "".join(secret.split())
    if not bare:
        return
    yield bare.rstrip("=")
    yield bare.rstrip("=").translate(str.maketrans("+/", "-_"))
    yield base64.b64encode(bare.encode()).decode().rstrip("=")
    yield bare.encode().hex()
    try:
        plain = base64.b64decode(bare, validate=True).decode()
    except (binascii.Error, ValueError):
        return
    yield plain
    yield from (part for part in plain.split(":", 1)[1:] if len(part) >= _SHORTEST_PART)


def _pattern(form: str) -> re.Pattern[str]:
    characters = (re.escape(character) for character in form if character not in _FILL)
    return re.compile(_GAP.join(characters) + "=*", re.IGNORECASE)
