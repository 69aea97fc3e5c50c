"""Every shape of an answer comes out as the same plain thing; anything else comes out empty."""

import pytest

from claimx.domain.answers import (
    Json,
    contact_items,
    conversation_items,
    media_items,
    project_body,
    project_id_of,
    task_body,
    task_list_items,
    video_items,
)
from support import payloads

A, B = payloads.media("1"), payloads.media("2")
V, W = payloads.video("1"), payloads.video("2")
P, T = payloads.project(), payloads.assignment()

DEEP: Json = [{"mediaID": 1}]
for _ in range(300):
    DEEP = [DEEP]

NOTHING: list[Json] = [
    None,
    [],
    {},
    "",
    "text",
    5,
    1.5,
    True,
    [None],
    [[]],
    ["x", 1],
    {"data": None},
    {"data": []},
]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([A, B], [A, B]),
        ({"data": [A, B]}, [A, B]),
        ({"media": [A, B]}, [A, B]),
        ({"data": A}, [A]),
        ({"media": A}, [A]),
        (A, [A]),
        ([{"data": [A, B]}], [A, B]),
        ([{"data": [A]}, {"data": [B]}], [A, B]),
        ({"data": {"media": [A]}}, [A]),
        ([A, None, "x", [], 5, B], [A, B]),
        ({"data": None, "media": [A]}, [A]),
        (DEEP, []),
    ],
)
def test_media_come_out_of_every_shape(body: Json, expected: list[Json]):
    assert media_items(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([V, W], [V, W]),
        ({"data": [V, W]}, [V, W]),
        ({"data": V}, [V]),
        ({"collaborations": [V]}, [V]),
        ({"collaborations": V}, [V]),
        ({"videoCollaboration": [V]}, [V]),
        ({"videoCollaboration": V}, [V]),
        ({"data": {"collaborations": [V, W]}}, [V, W]),
        (V, [V]),
        ({"id": 5}, [{"id": 5}]),
    ],
)
def test_collaborations_come_out_of_every_shape(body: Json, expected: list[Json]):
    assert video_items(body) == expected


@pytest.mark.parametrize("body", [P, {"data": P}, [P], [{"data": P}], {"data": [P]}, {"data": {"data": P}}])
def test_a_project_comes_out_of_every_shape(body: Json):
    assert project_body(body) == P


@pytest.mark.parametrize("wrap", [lambda body: body, lambda body: {"data": body}, lambda body: [body]])
def test_a_project_without_its_surroundings_is_taken_too(wrap):
    assert project_body(wrap(P["project"])) == {"project": P["project"]}


@pytest.mark.parametrize("body", [T, {"data": T}, [T], [{"data": [T]}]])
def test_an_assignment_comes_out_of_every_shape(body: Json):
    assert task_body(body) == T


@pytest.mark.parametrize("body", [[T, T], {"data": [T, T]}, [{"data": [T]}, T], {"data": {"data": [T, T]}}])
def test_a_list_of_assignments_comes_out_of_every_shape(body: Json):
    assert task_list_items(body) == [T, T]


@pytest.mark.parametrize(
    "body", [{"x": 1}, [{"x": 1}], {"data": [{"x": 1}]}, {"data": {"x": 1}}, [{"data": [{"x": 1}]}]]
)
def test_elements_of_unknown_form_come_out_of_every_shape(body: Json):
    for items in (task_list_items, contact_items, conversation_items):
        assert items(body) == [{"x": 1}]


@pytest.mark.parametrize("inner", [[{"x": 1}], {"x": 1}])
def test_contacts_and_conversations_come_out_of_their_own_names(inner: Json):
    assert contact_items({"contacts": inner}) == [{"x": 1}]
    assert contact_items({"data": {"contacts": inner}}) == [{"x": 1}]
    assert conversation_items({"conversations": inner}) == [{"x": 1}]
    assert contact_items({"conversations": 5}) == [{"conversations": 5}]


@pytest.mark.parametrize(
    "body",
    [
        5395115,
        "5395115",
        " 05395115 ",
        {"projectId": 5395115},
        {"id": "5395115"},
        {"data": 5395115},
        {"data": {"projectId": 5395115}},
        [{"data": {"id": 5395115}}],
        [5395115],
        {"projectId": 5395115, "id": 7},
    ],
)
def test_a_project_id_comes_out_of_every_shape(body: Json):
    assert project_id_of(body) == "5395115"


@pytest.mark.parametrize(
    "body",
    [*NOTHING[:4], True, 0, -5, 5.5, "x", "9" * 30, [1, 2], {"id": None}, {"id": True}, {"data": {}}, DEEP],
)
def test_what_is_no_project_id_is_none(body: Json):
    assert project_id_of(body) is None


@pytest.mark.parametrize("body", NOTHING)
def test_what_is_no_answer_is_empty(body: Json):
    assert media_items(body) == []
    assert video_items(body) == []
    assert project_body(body) == {}
    assert task_body(body) == {}
    assert task_list_items(body) == []
    assert contact_items(body) == []
    assert conversation_items(body) == []


@pytest.mark.parametrize("inner", [None, [], {}, "", "text", 5, True, [{}]])
def test_a_project_that_is_none_is_empty(inner: Json):
    assert project_body({"data": {"project": inner, "companyName": "x"}}) == {}
