"""Which questions become one call."""

import pytest

from claimx.domain.answers import ApiRequest, GetMedia, GetProject, GetTask, GetVideos
from claimx.domain.asking import MEDIA_FILTER_IDS, merged, subject_of

OF_ONE: list[ApiRequest] = [GetProject("1"), GetMedia("1"), GetTask("1"), GetVideos("1")]


@pytest.mark.parametrize("request_", OF_ONE)
@pytest.mark.parametrize("is_alone", [False, True])
def test_requests_about_the_same_are_one_subject(request_: ApiRequest, is_alone: bool):
    again, of_another = type(request_)("1"), type(request_)("2")
    assert subject_of(request_, is_alone=is_alone) == subject_of(again, is_alone=is_alone)
    assert subject_of(request_, is_alone=is_alone) != subject_of(of_another, is_alone=is_alone)
    assert len({subject_of(other, is_alone=is_alone) for other in OF_ONE}) == len(OF_ONE)
    assert merged(request_, again) == request_


def test_media_are_one_subject_unless_they_are_to_be_asked_for_alone():
    one, two = GetMedia("1", ("5",)), GetMedia("1", ("6",))
    assert subject_of(one) == subject_of(two) == subject_of(GetMedia("1"))
    assert subject_of(one, is_alone=True) not in {subject_of(two, is_alone=True), subject_of(one)}


FIVE = tuple("12345")


@pytest.mark.parametrize(
    ("one", "two", "both"),
    [
        (("5",), ("6",), ("5", "6")),
        (("5", "6"), ("6", "5"), ("5", "6")),
        ((), ("6",), ()),
        (("6",), (), ()),
        ((), (), ()),
        (FIVE[:-1], FIVE[-1:], FIVE),
        (FIVE, FIVE, FIVE),
        (FIVE, ("6",), ()),
    ],
)
def test_two_requests_for_media_become_one_that_answers_both(one, two, both):
    assert len(FIVE) == MEDIA_FILTER_IDS
    assert merged(GetMedia("1", one), GetMedia("1", two)) == GetMedia("1", both)
