"""``claimx dlq inspect``: all of one dead letter, and what to do about it."""

from collections.abc import Iterator

import msgspec

from claimx.ops.dlq import Found
from claimx.ops.dlq_view import LetterView, content_of, shown, view

_BODY_SHOWN = 4000

_HINTS: tuple[tuple[str, str], ...] = (
    (
        "event.not_json",
        "the sender wrote no JSON: tell its owner; replay after a fix of claimx, else purge it",
    ),
    ("event.no_handler", "this version of claimx has no handler for it: upgrade, then replay"),
    (
        "event.",
        "the record is not an event as agreed: tell its sender; replay after a fix of claimx, else purge it",
    ),
    ("api.401", "is api.token right? claimx config show names its source; correct it, then replay"),
    ("api.5xx", "the API failed for hours: is it well again? then replay"),
    ("api.429", "the API asked for patience too often: lower api.rate_limit_per_s, then replay with --rate"),
    ("api.too_large", "raise api.max_answer_bytes, then replay"),
    ("api.", "look at detail: the API's answer was not usable; replay once it is"),
    (
        "project.not_found",
        "the API does not show the project: ask whether it was deleted; then replay, or purge it",
    ),
    (
        "task.not_found",
        "the API does not show the assignment: ask whether it was deleted; then replay, or purge it",
    ),
    ("media.", "the API does not show the file: ask whether it was deleted; then replay, or purge it"),
    ("video.", "the API does not show the video: ask whether it was deleted; then replay, or purge it"),
    ("url.refused", "its host is not in download.allowed_hosts: if you trust it, add it, then replay"),
    ("file.too_large", "raise download.max_bytes, then replay"),
    ("file.slow", "the host was too slow: raise download.stall_s or wait, then replay"),
    ("file.", "the file's host did not give the file: replay asks the API for a fresh link first"),
    ("store.", "the object store refused the file: are lake.files_url and [lake.storage] right? then replay"),
    ("spool.", "the local disk refused: make room below process.state_dir, then replay"),
    ("lake.", "a table cannot hold a value of this row: look at detail; replay after a fix of claimx"),
    ("row.", "a table cannot hold a value of this row: look at detail; replay after a fix of claimx"),
    (
        "retry.dropped",
        "an operator dropped it from the delay queue: replay it if it is wanted, else purge it",
    ),
    ("bug.", "a bug in claimx: report code and detail; upgrade, then replay"),
    ("task.", "the task is not of this version of claimx: upgrade, then replay"),
)


class InspectReport(LetterView, frozen=True, kw_only=True, tag_field="schema", tag="claimx.dlq.inspect/1"):
    """One letter for programs, all of it; URLs without their queries."""

    headers: list[tuple[str, str]]
    key: str
    payload: str
    hint: str


def hint_of(code: str, *, is_reference: bool) -> str:
    """What to do about a code."""
    if is_reference:
        return (
            "its value was too large for its dead-letter topic: only the digest is kept. Read it at its origin;"
            " raise max.message.bytes of the topic"
        )
    for begin, hint in _HINTS:
        if code.startswith(begin):
            return hint
    return "look at detail; replay once the cause is gone, else purge it"


def inspected(found: Found) -> InspectReport:
    """All of one letter."""
    letter = found.letter
    return InspectReport(
        **msgspec.structs.asdict(view(found)),
        headers=[(shown(name), content_of(content)) for name, content in letter.record.headers],
        key=content_of(letter.record.key),
        payload=content_of(letter.record.value),
        hint=hint_of(letter.code, is_reference=letter.is_reference),
    )


def inspect_text(report: InspectReport) -> Iterator[str]:
    """All of one letter for people."""
    facts = {
        "id": report.id,
        "state": report.state,
        "lies at": str(report.place),
        "origin": report.origin and str(report.origin),
        "stage": report.stage,
        "error": f"{report.error_class or '-'}: {report.code or '-'}",
        "detail": report.detail,
        "attempts": report.attempts,
        "first failure": report.first_failure,
        "last failure": report.time,
        "event": report.event_id,
        "project": report.project_id,
        "media": report.media_id,
        "child": report.child,
        "hint": report.hint,
    }
    for name, fact in facts.items():
        yield f"{name:<14} {'-' if fact is None else shown(str(fact))}"
    yield "headers"
    for name, content in report.headers:
        yield f"  {name:<28} {content}"
    yield f"payload, {len(report.payload)} characters" + (
        f", the first {_BODY_SHOWN} shown; -o json shows all" if len(report.payload) > _BODY_SHOWN else ""
    )
    yield f"  {report.payload[:_BODY_SHOWN]}"
