"""Whatever stands in an answer, the right type or None comes out."""

import pytest

from claimx.domain import coerce
from claimx.domain.answers import Json
from claimx.domain.times import parse_time
from support.payloads import BROKEN

NAN, INF = float("nan"), float("inf")
ALL = [
    coerce.text,
    coerce.contact_text,
    coerce.id_text,
    coerce.integer,
    coerce.boolean,
    coerce.real,
    coerce.decimal_text,
    coerce.time,
    coerce.link,
]


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        (coerce.text, "  a b ", "a b"),
        (coerce.text, "", None),
        (coerce.text, " \t\n", None),
        (coerce.text, "null", "null"),
        (coerce.text, 78701, "78701"),
        (coerce.text, 78701.0, "78701"),
        (coerce.text, 1.5, "1.5"),
        (coerce.text, True, None),
        (coerce.text, [], None),
        (coerce.text, {}, None),
        (coerce.text, NAN, None),
        (coerce.text, 10**400, None),
        (coerce.text, "a\ud800b", "a\ufffdb"),
        (coerce.text, "\ud83d\ude00", "\U0001f600"),
        (coerce.contact_text, "null", None),
        (coerce.contact_text, " NULL ", None),
        (coerce.contact_text, "Null Island", "Null Island"),
        (coerce.id_text, 5395115, "5395115"),
        (coerce.id_text, " 05395115 ", "5395115"),
        (coerce.id_text, 5395115.0, "5395115"),
        (coerce.id_text, 0, None),
        (coerce.id_text, "0", None),
        (coerce.id_text, "", None),
        (coerce.id_text, True, None),
        (coerce.id_text, [1], None),
        (coerce.id_text, INF, None),
        (coerce.id_text, "a-1", "a-1"),
        (coerce.integer, 7, 7),
        (coerce.integer, "7", 7),
        (coerce.integer, " -7 ", -7),
        (coerce.integer, 7.0, 7),
        (coerce.integer, 7.5, None),
        (coerce.integer, "7.5", None),
        (coerce.integer, "1_000", None),
        (coerce.integer, "\N{ARABIC-INDIC DIGIT SEVEN}", None),
        (coerce.integer, True, None),
        (coerce.integer, 2**63 - 1, 2**63 - 1),
        (coerce.integer, 2**63, None),
        (coerce.integer, -(2**63), -(2**63)),
        (coerce.integer, "9" * 19, None),
        (coerce.integer, "9" * 5000, None),
        (coerce.integer, 1e300, None),
        (coerce.integer, INF, None),
        (coerce.integer, NAN, None),
        (coerce.boolean, True, True),
        (coerce.boolean, False, False),
        (coerce.boolean, None, None),
        (coerce.boolean, "true", True),
        (coerce.boolean, "YES", True),
        (coerce.boolean, "1", True),
        (coerce.boolean, "false", False),
        (coerce.boolean, "banana", False),
        (coerce.boolean, "", None),
        (coerce.boolean, "null", None),
        (coerce.boolean, 1, True),
        (coerce.boolean, 0, False),
        (coerce.boolean, NAN, None),
        (coerce.boolean, [], None),
        (coerce.real, "30.2672", 30.2672),
        (coerce.real, "-97.7431", -97.7431),
        (coerce.real, 5, 5.0),
        (coerce.real, "NaN", None),
        (coerce.real, "1e999", None),
        (coerce.real, 10**400, None),
        (coerce.real, "1_0", None),
        (coerce.real, True, None),
        (coerce.decimal_text, 1234.567, "1234.567"),
        (coerce.decimal_text, "1234.5670", "1234.5670"),
        (coerce.decimal_text, 7, "7"),
        (coerce.decimal_text, "Infinity", None),
        (coerce.decimal_text, "x", None),
        (coerce.decimal_text, NAN, None),
        (coerce.time, "2024-01-15", parse_time("2024-01-15T00:00:00Z")),
        (coerce.time, "2026-01-11 15:39:27.5260000", parse_time("2026-01-11T15:39:27.526Z")),
        (coerce.time, "2026-01-11T17:39:27+02:00", parse_time("2026-01-11T15:39:27Z")),
        (coerce.time, "soon", None),
        (coerce.time, 1768146100000, None),
        (coerce.link, "https://user:pw@host/p?sign=SECRET#f", "https://host/p"),
        (coerce.link, "https://[bad?sign=SECRET", "https://[bad"),
        (coerce.link, "?sign=SECRET", None),
        (coerce.link, 5, None),
    ],
)
def test_a_value_becomes_a_cell(function, value: Json, expected: object):
    assert function(value) == expected
    assert type(function(value)) is type(expected)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("value", BROKEN)
def test_nothing_raises_and_every_text_can_be_written(function, value: Json):
    cell = function(value)
    if isinstance(cell, str):
        cell.encode()
        assert cell.strip() == cell != ""
    if isinstance(cell, int):
        assert -(2**63) <= cell < 2**63
