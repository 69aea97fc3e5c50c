"""What each policy makes of a row that is there and a row that comes."""

import pytest

from claimx.domain.rows import Column, Policy, Row, Table, Type, Value, collapse, merge_values

TEXT, TIME = Type.STRING, Type.TIMESTAMP
TABLE = Table(
    "t",
    (
        Column("id", TEXT, Policy.KEY),
        Column("at", TIME, Policy.MAX),
        Column("newest", TEXT, Policy.NEWEST, "at"),
        Column("non_null", TEXT, Policy.NEWEST_NON_NULL, "non_null_at"),
        Column("non_null_at", TIME, Policy.MAX),
        Column("once", TEXT, Policy.SET_ONCE),
        Column("filled", TEXT, Policy.FILL_NULL),
        Column("low", TIME, Policy.MIN),
        Column("high", TEXT, Policy.MAX),
        Column("flag", Type.BOOLEAN, Policy.STICKY_TRUE),
    ),
)


def merged(old: dict[str, Value], new: dict[str, Value]) -> dict[str, Value]:
    return merge_values(TABLE, {"id": "1", **old}, {"id": "1", **new})


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"at": 1, "newest": "a"}, {"at": 2, "newest": "b"}, "b"),
        ({"at": 2, "newest": "a"}, {"at": 1, "newest": "b"}, "a"),
        ({"at": 1, "newest": "a"}, {"at": 1, "newest": "b"}, "a"),
        ({"at": 1, "newest": "a"}, {"at": 2, "newest": None}, None),
        ({"at": 1, "newest": "a"}, {"at": 2}, None),
        ({"at": 1, "newest": "a"}, {"newest": "b"}, "a"),
        ({"newest": "a"}, {"at": 1, "newest": "b"}, "b"),
        ({"newest": "a"}, {"newest": "b"}, "a"),
    ],
)
def test_newest_follows_its_clock(old, new, expected):
    assert merged(old, new)["newest"] == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"non_null_at": 1, "non_null": "a"}, {"non_null_at": 2, "non_null": "b"}, "b"),
        ({"non_null_at": 2, "non_null": "a"}, {"non_null_at": 1, "non_null": "b"}, "a"),
        ({"non_null_at": 1, "non_null": "a"}, {"at": 9}, "a"),
        ({"at": 9}, {"non_null_at": 1, "non_null": "b"}, "b"),
        ({"non_null_at": 1, "non_null": "a"}, {"non_null_at": 1, "non_null": "b"}, "b"),
        ({"non_null_at": 1, "non_null": "b"}, {"non_null_at": 1, "non_null": "a"}, "b"),
        ({"non_null_at": 1, "non_null": "b"}, {"non_null_at": 1}, "b"),
        ({"non_null": "a"}, {"non_null": "b"}, "a"),
    ],
)
def test_newest_non_null_is_never_erased_and_of_one_moment_the_greater_stands(old, new, expected):
    assert merged(old, new)["non_null"] == expected


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("once", "a", "b", "a"),
        ("once", None, "b", "b"),
        ("filled", "a", "b", "a"),
        ("filled", None, "b", "b"),
        ("low", 1, 2, 1),
        ("low", 2, 1, 1),
        ("low", None, 1, 1),
        ("low", 1, None, 1),
        ("high", "INVITED", "JOINED", "JOINED"),
        ("high", "JOINED", "INVITED", "JOINED"),
        ("high", None, "INVITED", "INVITED"),
        ("flag", True, False, True),
        ("flag", False, True, True),
        ("flag", None, True, True),
        ("flag", False, None, False),
        ("flag", None, False, False),
        ("flag", None, None, None),
    ],
)
def test_the_other_policies_need_no_clock(name, old, new, expected):
    assert (
        merged({name: old}, {name: new})[name] is expected
        or merged({name: old}, {name: new})[name] == expected
    )


def test_a_full_and_a_partial_row_of_one_key_become_one_row():
    rows = [
        Row("t", {"id": "1", "flag": True}),
        Row("t", {"id": "1", "at": 5, "newest": "x"}),
        Row("t", {"id": "2"}),
    ]
    assert collapse(TABLE, rows) == [
        Row("t", {"id": "1", "at": 5, "newest": "x", "flag": True}),
        Row("t", {"id": "2"}),
    ]


def test_rows_without_a_key_all_stay():
    table = Table("log", (Column("line", TEXT, Policy.SET_ONCE),))
    rows = [Row("log", {"line": "a"}), Row("log", {"line": "a"})]
    assert collapse(table, rows) == rows
