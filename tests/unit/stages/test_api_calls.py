"""Shared calls: asked once when they meet, never joined once sent, and a bad neighbour costs one try at most."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random

import pytest

from claimx.config import tree
from claimx.domain.answers import ApiAnswer, ApiRequest, GetMedia, GetProject
from claimx.domain.receipts import Receipt
from claimx.domain.tasks import Origin
from claimx.errors import PermanentError, TransientError
from claimx.stages.api_calls import ApiCalls
from claimx.stages.flow import Flow
from claimx.stages.work import Work
from support import payloads
from support.flows import flow_of, settings_of


class Api:
    """Answers with what it was asked for, as soon as it is let; refuses the ids it is told to."""

    def __init__(self) -> None:
        self.sent: list[ApiRequest] = []
        self.may_answer = asyncio.Event()
        self.bad: dict[str, Exception] = {}
        self.under_way = 0
        self.highest = 0

    async def send(self, request: ApiRequest) -> ApiAnswer:
        self.sent.append(request)
        await self.may_answer.wait()
        if isinstance(request, GetMedia):
            for media_id in request.media_ids or self.bad:
                if media_id in self.bad:
                    raise self.bad[media_id]
        return ApiAnswer([len(self.sent)], 1, 1000)


def work_of(media_id: str = "1", attempt: int = 1, project_id: str = "5395115") -> Work:
    origin = Origin("t", 0, int(media_id))
    task = payloads.task(
        "PROJECT_FILE_ADDED", media_id=media_id, attempt=attempt, project_id=project_id, origin=origin
    )
    return Work("enrich", task, Receipt(origin, 0, 0))


@pytest.fixture
def api() -> Api:
    return Api()


class Hasty(Random):
    """Draws the shortest delays."""

    def random(self) -> float:
        return 0.0


@asynccontextmanager
async def calls_of(api: Api, flow: Flow | None = None) -> AsyncIterator[ApiCalls]:
    flow = flow or flow_of(api=api)
    async with asyncio.TaskGroup() as group, asyncio.timeout(10):
        owner = group.create_task(flow.api.run())
        yield flow.api
        owner.cancel()


async def asked(
    calls: ApiCalls, works: Sequence[Work], request: Callable[[Work], ApiRequest]
) -> list[object]:
    return await asyncio.gather(*(calls.ask(work, [request(work)]) for work in works), return_exceptions=True)


def media_of(work: Work) -> ApiRequest:
    return GetMedia(work.project_id, (work.task.media_id,))


async def test_media_of_one_project_are_asked_for_in_one_call(api: Api) -> None:
    api.may_answer.set()
    async with calls_of(api) as calls:
        answers = await asked(calls, [work_of(str(n)) for n in (1, 2, 3)], media_of)
    assert api.sent == [GetMedia("5395115", ("1", "2", "3"))]
    assert [answer[0].body for answer in answers] == [[1], [1], [1]]


async def test_more_media_than_the_filter_holds_are_asked_for_as_the_whole_list(api: Api) -> None:
    api.may_answer.set()
    async with calls_of(api) as calls:
        await asked(calls, [work_of(str(n)) for n in range(1, 7)], media_of)
    assert api.sent == [GetMedia("5395115")]


async def test_projects_are_never_mixed(api: Api) -> None:
    api.may_answer.set()
    works = [work_of("1"), work_of("2", project_id="7"), work_of("3")]
    async with calls_of(api) as calls:
        await asked(calls, works, media_of)
    assert sorted(api.sent) == [GetMedia("5395115", ("1", "3")), GetMedia("7", ("2",))]


async def test_nobody_joins_a_call_that_was_sent(api: Api) -> None:
    async with calls_of(api) as calls:
        first = asyncio.create_task(calls.ask(work_of("1"), [GetProject("5395115")]))
        while not api.sent:
            await asyncio.sleep(0)
        second = asyncio.create_task(calls.ask(work_of("2"), [GetProject("5395115")]))
        while len(api.sent) < 2:
            await asyncio.sleep(0)
        api.may_answer.set()
        assert (await first)[0].body == (await second)[0].body == [2]


async def test_a_refused_neighbour_does_not_take_the_others_with_it(api: Api) -> None:
    api.may_answer.set()
    api.bad["2"] = PermanentError("api.400")
    works = [work_of(str(n)) for n in (1, 2, 3)]
    async with calls_of(api) as calls:
        answers = await asked(calls, works, media_of)
    assert [isinstance(answer, PermanentError) for answer in answers] == [False, True, False]


async def test_what_failed_before_is_asked_for_by_itself(api: Api) -> None:
    api.may_answer.set()
    async with calls_of(api) as calls:
        await asked(calls, [work_of("1"), work_of("2", attempt=2), work_of("3")], media_of)
    assert sorted(api.sent) == [GetMedia("5395115", ("1", "3")), GetMedia("5395115", ("2",))]


async def test_a_failed_call_fails_all_that_wait_for_it(api: Api) -> None:
    api.may_answer.set()
    api.bad["1"] = TransientError("api.5xx")
    async with calls_of(api) as calls:
        answers = await asked(calls, [work_of("1"), work_of("2")], media_of)
    assert [type(answer) for answer in answers] == [TransientError, TransientError]


async def test_each_call_is_counted_once_and_for_the_one_that_began_it(api: Api) -> None:
    api.may_answer.set()
    works = [work_of(str(n)) for n in (1, 2, 3)]
    async with calls_of(api) as calls:
        await asked(calls, works, media_of)
        counters = calls._counters
    assert [work.receipt.api_calls for work in works] == [1, 0, 0]
    assert (counters.api_calls, counters.api_calls_saved) == (1, 2)


def outage_flow(api: Api) -> Flow:
    circuit = tree.Circuit(failures=5, reset_s=0.05)
    settings = settings_of(api=tree.Api(token=tree.Secret("ZmFrZTpmYWtl"), circuit=circuit))
    return flow_of(settings, api=api, luck=Hasty())


async def test_a_call_that_fails_for_all_who_share_it_counts_each_of_them_and_costs_none_an_attempt(
    api: Api,
) -> None:
    api.may_answer.set()
    api.bad["1"] = TransientError("api.5xx")
    flow = outage_flow(api)
    works = [work_of(str(n)) for n in (1, 2, 3, 4, 5)]
    async with calls_of(api, flow) as calls:
        asking = asyncio.create_task(asked(calls, works, media_of))
        while not flow.runtime.counters.circuit_transitions["api", "open"]:
            await asyncio.sleep(0)
        api.bad.clear()
        answers = await asking
    assert all(isinstance(answer, list) for answer in answers), "one project's outage is one, too"


async def test_four_items_of_one_call_are_too_few_for_an_outage(api: Api) -> None:
    api.may_answer.set()
    api.bad["1"] = TransientError("api.5xx")
    flow = outage_flow(api)
    async with calls_of(api, flow) as calls:
        answers = await asked(calls, [work_of(str(n)) for n in (1, 2, 3, 4)], media_of)
    assert all(isinstance(answer, TransientError) for answer in answers)
    assert not flow.runtime.counters.circuit_transitions["api", "open"]


async def test_a_call_that_fails_while_others_are_answered_is_no_outage_whoever_shares_it(api: Api) -> None:
    api.may_answer.set()
    api.bad["1"] = TransientError("api.5xx")
    flow = outage_flow(api)
    async with calls_of(api, flow) as calls:
        asking = asyncio.create_task(asked(calls, [work_of(str(n)) for n in (1, 2, 3, 4, 5, 6, 7)], media_of))
        while len(api.sent) < 2:
            await asyncio.sleep(0)
        await asked(calls, [work_of("8", project_id="7")], lambda work: GetProject(work.project_id))
        answers = await asking
    assert all(isinstance(answer, TransientError) for answer in answers)
    assert not flow.runtime.counters.circuit_transitions["api", "open"]
