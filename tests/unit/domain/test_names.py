"""File names that a server gave us, and pages where a file was promised."""

import unicodedata

import pytest

from claimx.domain.files import looks_like_html, object_key, safe_name
from claimx.errors import PermanentError

NAMES = [
    ("../../etc/passwd", "passwd"),
    ("..", "media_7"),
    (".", "media_7"),
    ("....//....//x.pdf", "x.pdf"),
    ("/abs/x.jpg", "x.jpg"),
    ("C:\\Windows\\x.exe", "x.exe"),
    ("..\\..\\x.pdf", "x.pdf"),
    ("a/b/c.jpg", "c.jpg"),
    ("a/", "media_7"),
    ("con.txt", "_con.txt"),
    ("NUL", "_NUL"),
    ("nul .tar.gz", "_nul .tar.gz"),
    ("COM¹.pdf", "_COM¹.pdf"),
    ("lpt9", "_lpt9"),
    ("console.txt", "console.txt"),
    ("x.jpg ", "x.jpg"),
    ("x.jpg.", "x.jpg"),
    ("x..jpg", "x.jpg"),
    ("x .jpg", "x.jpg"),
    (".htaccess", "htaccess"),
    (".jpg", "jpg"),
    ("", "media_7"),
    (None, "media_7"),
    ("   ", "media_7"),
    ("...", "media_7"),
    ("a\u202egpj.exe", "agpj.exe"),
    ("\u200b\u200b.pdf", "pdf"),
    ("e\u0301.jpg", "é.jpg"),
    ("é.jpg", "é.jpg"),
    ("A.JPG", "A.jpg"),
    ("a\x00b.pdf", "ab.pdf"),
    ("a\nb.pdf", "a b.pdf"),
    ("a\u2028b.txt", "a b.txt"),
    ("\U0001f600.gif", "\U0001f600.gif"),
    ("a%2f..%2fb.pdf", "a_2f.._2fb.pdf"),
    ("a?b#c.pdf", "a_b_c.pdf"),
    ("a;rm -rf.pdf", "a;rm -rf.pdf"),
    ("$(id).pdf", "$(id).pdf"),
    ("`id`.jpg", "`id`.jpg"),
    ("-rf.pdf", "-rf.pdf"),
    ("a\ud800b.pdf", "ab.pdf"),
    ("\N{LATIN SMALL LIGATURE FI}le.pdf", "\N{LATIN SMALL LIGATURE FI}le.pdf"),
    ("x.pdf::$DATA", "x.pdf__$DATA"),
    ("x.tar.gz", "x.tar.gz"),
    ("photo.jpg.exe", "photo.jpg.exe"),
    ("\N{FULLWIDTH LATIN CAPITAL LETTER A}.pdf", "\N{FULLWIDTH LATIN CAPITAL LETTER A}.pdf"),
    ("Dr. Smith report", "Dr. Smith report"),
    ("no extension", "no extension"),
    ("x.averylongextension", "x.averylongextension"),
    ('<>:"|?*#%~.txt', "__________.txt"),
    ("a  \t b.pdf", "a b.pdf"),
    ("x" * 500 + ".jpeg", "x" * 115 + ".jpeg"),
    ("日本" * 100 + ".png", "日本" * 19 + ".png"),
]


@pytest.mark.parametrize(("name", "expected"), NAMES, ids=lambda value: ascii(value)[:40])
def test_a_hostile_name_becomes_a_safe_one(name: str | None, expected: str):
    assert safe_name(name, "7") == expected


@pytest.mark.parametrize("name", [name for name, _ in NAMES], ids=lambda value: ascii(value)[:40])
def test_a_safe_name_is_one_part_short_normal_and_stays_as_it_is(name: str | None):
    safe = safe_name(name, "7")
    assert 0 < len(safe.encode()) <= 120
    assert not set(safe) & set('/\\<>:"|?*#%~\x00')
    assert safe.strip(" .") == safe
    assert unicodedata.is_normalized("NFC", safe)
    assert safe_name(safe, "7") == safe


def test_an_object_key_is_made_from_checked_ids():
    assert object_key("5395115", "96269553", "a/../IMG 1.JPG") == "5395115/96269553/IMG 1.jpg"
    assert object_key("5395115", "96269553", None) == "5395115/96269553/media_96269553"


def test_two_files_of_one_name_have_two_keys():
    assert object_key("1", "2", "a.jpg") != object_key("1", "3", "a.jpg")


@pytest.mark.parametrize("bad", ["", "..", "a/b", "a b", "x" * 65, "é", "a\n", "a.b"])
def test_an_id_that_cannot_be_part_of_a_path_is_refused(bad: str):
    for ids in ((bad, "1"), ("1", bad)):
        with pytest.raises(PermanentError) as caught:
            object_key(*ids, "a.jpg")
        assert caught.value.code == "file.bad_id"


@pytest.mark.parametrize(
    ("content_type", "body", "name", "expected"),
    [
        ("text/html", b"<!DOCTYPE html><html>", "a.jpg", True),
        ("text/html; charset=utf-8", b"Session expired", "a.jpg", True),
        ("TEXT/HTML", b"", "a.jpg", True),
        ("application/xhtml+xml", b"<?xml version='1.0'?>\n<html xmlns='x'>", None, True),
        ("image/jpeg", b"  \r\n<HTML >", "a.jpg", True),
        ("image/jpeg", b"\xef\xbb\xbf<!-- login --><!doctype\nhtml>", "a.jpg", True),
        ("image/jpeg", "\ufeff<html>".encode("utf-16-le"), "a.jpg", True),
        (None, b"<html><body>", None, True),
        ("image/jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF", "a.jpg", False),
        ("text/html", b"\xff\xd8\xff\xe0\x00\x10JFIF", "a.jpg", False),
        ("text/html", b"%PDF-1.7", "a.pdf", False),
        ("text/html", b"<html>", "report.html", False),
        ("text/html", b"<html>", " REPORT.HTM ", False),
        ("application/pdf", b"%PDF-1.7 <html>", "a.pdf", False),
        ("text/xml", b"<?xml version='1.0'?><note/>", "a.xml", False),
        ("image/svg+xml", b"<svg xmlns='x'>", "a.svg", False),
        ("text/plain", b"<htmlx>", "a.txt", False),
        ("application/octet-stream", b"", "a.bin", False),
        (None, b"", None, False),
    ],
)
def test_a_page_is_told_from_a_file(content_type, body, name, expected):
    assert looks_like_html(content_type, body, name) is expected


def test_telling_a_page_is_quick_on_a_hostile_beginning():
    assert not looks_like_html(None, b"<!--" * 100_000, "a.jpg")
    assert not looks_like_html(None, b"<!---->" * 100_000, "a.jpg")
