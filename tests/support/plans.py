"""Playing the API to a plan by hand."""

from collections.abc import Callable, Mapping, Sequence

from claimx.domain.answers import ApiAnswer, ApiRequest, GetMedia, GetProject, GetTask, GetVideos, Json
from claimx.domain.handlers.plan import Enrichment, Plan
from claimx.domain.handlers.registry import needs_project, plan_for
from claimx.domain.rows import Row, Value, collapse
from claimx.domain.tables import TABLES
from claimx.domain.tasks import EnrichmentTask, project_task
from claimx.domain.times import Micros
from claimx.errors import ItemError
from support import payloads

Api = Mapping[type[ApiRequest], Json]

HEALTHY: Api = {
    GetProject: {"data": payloads.project()},
    GetMedia: {"data": [payloads.media()]},
    GetTask: payloads.assignment(),
    GetVideos: {"data": [payloads.video()]},
}


def hold(plan: Plan, ask: Callable[[ApiRequest], ApiAnswer]) -> Enrichment:
    """Run a plan to its end."""
    try:
        requests = next(plan)
        while True:
            requests = plan.send([ask(request) for request in requests])
    except StopIteration as end:
        return end.value


def converse(
    plan: Plan, api: Api, fetched_at: Micros = payloads.FETCHED_AT
) -> tuple[Enrichment, list[ApiRequest]]:
    """Run a plan to its end, and tell what it asked; a body of None is a 404."""
    asked: list[ApiRequest] = []

    def ask(request: ApiRequest) -> ApiAnswer:
        asked.append(request)
        return payloads.answer(api[type(request)], fetched_at)

    return hold(plan, ask), asked


def enrich(
    task: EnrichmentTask,
    /,
    *,
    is_last_ask: bool = False,
    fetched_at: Micros = payloads.FETCHED_AT,
    **bodies: Json,
) -> Enrichment:
    """Run the handler of a task, and the pre-flight of its project, against the captured answers.

    Args:
        bodies: other answers than those: project, media, task, videos.
    """
    kinds: dict[str, type[ApiRequest]] = {
        "project": GetProject,
        "media": GetMedia,
        "task": GetTask,
        "videos": GetVideos,
    }
    api = {**HEALTHY, **{kinds[name]: body for name, body in bodies.items()}}
    return complete(task, api, is_last_ask=is_last_ask, fetched_at=fetched_at)


def complete(
    task: EnrichmentTask,
    api: Api,
    /,
    *,
    is_last_ask: bool = False,
    fetched_at: Micros = payloads.FETCHED_AT,
) -> Enrichment:
    """All that an event of a project not known yet becomes: its own rows after those of the project.

    A pre-flight that fails never stops the event.
    """
    own, _ = converse(plan_for(task, is_last_ask=is_last_ask), api, fetched_at)
    if not needs_project(task):
        return own
    return own._replace(rows=[*preflight(task, api, fetched_at, own.refers_to), *own.rows])


def preflight(
    task: EnrichmentTask, api: Api, fetched_at: Micros = payloads.FETCHED_AT, project_id: str | None = None
) -> Sequence[Row]:
    """The rows of the event's project, or of another one; none where the API does not show it."""
    asked = project_task(task, fetched_at, project_id)
    try:
        return converse(plan_for(asked, is_last_ask=False), api, fetched_at)[0].rows
    except ItemError:
        return ()


def rows_of(enrichment: Enrichment, table: str) -> list[Mapping[str, Value]]:
    """The rows of one table, folded as a flush would."""
    return [
        row.values for row in collapse(TABLES[table], [row for row in enrichment.rows if row.table == table])
    ]
