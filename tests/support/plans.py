"""Playing the API to a plan by hand."""

from collections.abc import Mapping

from claimx.domain.answers import ApiRequest, GetMedia, GetProject, GetTask, GetVideos, Json
from claimx.domain.handlers.plan import Enrichment, Plan
from claimx.domain.handlers.registry import plan_for
from claimx.domain.rows import Value, collapse
from claimx.domain.tables import TABLES
from claimx.domain.tasks import EnrichmentTask
from claimx.domain.times import Micros
from support import payloads

Api = Mapping[type[ApiRequest], Json]

HEALTHY: Api = {
    GetProject: {"data": payloads.project()},
    GetMedia: {"data": [payloads.media()]},
    GetTask: payloads.assignment(),
    GetVideos: {"data": [payloads.video()]},
}


def converse(
    plan: Plan, api: Api, fetched_at: Micros = payloads.FETCHED_AT
) -> tuple[Enrichment, list[ApiRequest]]:
    """Run a plan to its end; a body of None is a 404."""
    asked: list[ApiRequest] = []
    try:
        requests = next(plan)
        while True:
            asked += requests
            requests = plan.send([payloads.answer(api[type(request)], fetched_at) for request in requests])
    except StopIteration as end:
        return end.value, asked


def enrich(
    task: EnrichmentTask,
    /,
    *,
    is_last_ask: bool = False,
    fetched_at: Micros = payloads.FETCHED_AT,
    **bodies: Json,
) -> Enrichment:
    """Run the handler of a task against the captured answers, but for those given: project, media, task, videos."""
    kinds: dict[str, type[ApiRequest]] = {
        "project": GetProject,
        "media": GetMedia,
        "task": GetTask,
        "videos": GetVideos,
    }
    api = {**HEALTHY, **{kinds[name]: body for name, body in bodies.items()}}
    return converse(plan_for(task, is_last_ask=is_last_ask), api, fetched_at)[0]


def rows_of(enrichment: Enrichment, table: str) -> list[Mapping[str, Value]]:
    """The rows of one table, folded as a flush would."""
    return [
        row.values for row in collapse(TABLES[table], [row for row in enrichment.rows if row.table == table])
    ]
