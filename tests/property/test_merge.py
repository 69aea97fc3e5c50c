"""Whatever the order and grouping in which rows arrive, the same row stands in the table in the end."""

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from claimx.domain.answers import Json
from claimx.domain.policyholders import Policyholder
from claimx.domain.rows import Row, Value, collapse
from claimx.domain.tables import TABLES
from claimx.domain.times import SECOND, format_time
from support import payloads
from support.payloads import ASSIGNMENT_ID, EMAIL, FETCHED_AT, MEDIA_ID, VIDEO_ID, task
from support.plans import enrich

WORD = st.sampled_from([None, "a", "b"])
PEOPLE = st.sampled_from([EMAIL, EMAIL.upper(), "other@example.com"])
TYPES = st.sampled_from(
    [
        ("PROJECT_CREATED", {}),
        ("PROJECT_MFN_ADDED", {"master_file_name": "ONE"}),
        ("PROJECT_MFN_ADDED", {"master_file_name": "TWO"}),
        ("PROJECT_FILE_ADDED", {"media_id": MEDIA_ID}),
        ("CUSTOM_TASK_ASSIGNED", {"task_assignment_id": ASSIGNMENT_ID}),
        ("CUSTOM_TASK_COMPLETED", {"task_assignment_id": ASSIGNMENT_ID}),
        ("POLICYHOLDER_INVITED", {}),
        ("POLICYHOLDER_JOINED", {}),
        (
            "POLICYHOLDER_JOINED",
            {"policyholder": Policyholder(EMAIL, first_name="E", phone_country_code="9")},
        ),
        ("VIDEO_COLLABORATION_INVITE_SENT", {"video_collaboration_id": VIDEO_ID}),
        ("VIDEO_COLLABORATION_COMPLETED", {"video_collaboration_id": VIDEO_ID}),
        ("PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL", {}),
        ("PERSONAL_PROPERTY_TASK_SHARED", {}),
    ]
)


@st.composite
def said(draw: st.DrawFn, n: int) -> list[Row]:
    """The rows of one event, number ``n``: all its clocks are its own, what the API says is drawn."""
    event_type, fields = draw(TYPES)
    asked = task(
        event_type, **fields, event_id=f"e{n}", ingested_at=FETCHED_AT + draw(st.integers(0, 9)) * 1000 + n
    )
    fetched_at = FETCHED_AT + draw(st.integers(1, 9)) * SECOND + n
    project, assignment = payloads.project(), payloads.assignment()
    project["project"] |= {"mfn": draw(WORD), "status": draw(WORD), "yearBuilt": draw(WORD)}
    project["project"]["customerInformation"] |= {
        "firstName": draw(WORD),
        "lastName": draw(WORD),
        "emails": [{"emailAddress": draw(PEOPLE)}],
        "phones": [{"phoneNumber": draw(WORD), "phoneCountryCode": draw(st.sampled_from([None, 1, 2]))}],
    }
    assignment["externalLinkData"] |= {"firstName": draw(WORD), "phone": draw(WORD), "email": draw(PEOPLE)}
    assignment["customTask"] |= {"name": draw(WORD), "modifiedDate": format_time(fetched_at)}
    assignment["status"] = draw(WORD)
    bodies: dict[str, Json] = {
        "project": project,
        "task": assignment,
        "media": payloads.media() | {"mediaComment": draw(WORD)},
        "videos": payloads.video() | {"totalTime": draw(WORD)} if draw(st.booleans()) else [],
    }
    return list(enrich(asked, is_last_ask=True, fetched_at=fetched_at, **bodies).rows)


def written(batches: Sequence[Sequence[Row]]) -> dict[str, dict[tuple[Value, ...], Mapping[str, Value]]]:
    """Fold each batch, then merge it onto what is there: as flush and MERGE do."""
    tables: dict[str, dict[tuple[Value, ...], Mapping[str, Value]]] = {}
    for name, table in TABLES.items():
        standing: list[Row] = []
        for batch in batches:
            folded = collapse(table, [row for row in batch if row.table == name])
            standing = collapse(table, [*standing, *folded])
        rows = {tuple(row.values[key] for key in table.key): present(row.values) for row in standing}
        if rows:
            tables[name] = rows
    return tables


def present(values: Mapping[str, Value]) -> dict[str, Value]:
    """A column that a row does not have is null."""
    return {name: value for name, value in values.items() if value is not None}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_rows_of_distinct_clocks_end_up_the_same_in_any_order_and_grouping(data: st.DataObject):
    events = [data.draw(said(n)) for n in range(data.draw(st.integers(2, 6)))]
    expected = written([[row for rows in events for row in rows]])
    shuffled = data.draw(st.permutations(events))
    assert written(shuffled) == expected
    assert written([row for rows in shuffled for row in [[row] for row in rows]]) == expected
    assert written([*shuffled, *shuffled]) == expected
