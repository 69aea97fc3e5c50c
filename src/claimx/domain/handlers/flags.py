"""Events that only set a flag on their project: no call, a partial row."""

from claimx.domain.entities.fields import Said
from claimx.domain.entities.projects import event_row
from claimx.domain.handlers.plan import Enrichment, Plan
from claimx.domain.rows import Value
from claimx.domain.tasks import EnrichmentTask


def auto_link_failed(task: EnrichmentTask) -> Plan:
    """Note that the project could not be linked to Xactanalysis by itself."""
    return (yield from _flagged(task, "xa_autolink_fail"))


def contents_task_shared(task: EnrichmentTask) -> Plan:
    """Note that the personal-property task was shared."""
    return (yield from _flagged(task, "contents_task_sent"))


_AT = {"xa_autolink_fail": "xa_autolink_fail_at", "contents_task_sent": "contents_task_at"}


def _flagged(task: EnrichmentTask, flag: str) -> Plan:
    yield from ()
    values: dict[str, Value] = {flag: True, _AT[flag]: task.ingested_at}
    return Enrichment([event_row(task.project_id, Said(task.event_id, task.ingested_at), values)])
