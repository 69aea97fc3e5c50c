"""What ``claimx verify`` and ``claimx trace`` read, on an object store."""

import hashlib
from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from claimx.adapters.delta import DeltaLake
from claimx.adapters.file_reader import StoredFiles
from claimx.adapters.lake_reader import DeltaAudit
from claimx.adapters.lake_scan import PinnedTables
from claimx.adapters.lake_story import DeltaStory
from claimx.adapters.object_store import ObjectStore
from claimx.config.tree import Secret
from claimx.domain.rows import Row
from claimx.domain.times import DAY
from claimx.errors import AuthError, LakeError, TablesAbsentError
from claimx.ports.dlq import Shelf, Span
from claimx.ports.inspection import Misfit, Period
from support.lakes import DEDUP_DAYS, NOW, event, line, opened
from support.stores import AZURITE, NO_AZURITE, Store, azurite, s3_server

pytestmark = pytest.mark.timeout(120)

TOPIC = "claimx.events.raw"


@pytest.fixture(
    scope="module",
    params=["s3", pytest.param("azure", marks=pytest.mark.skipif(not AZURITE.exists(), reason=NO_AZURITE))],
)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "s3":
        with s3_server() as running:
            yield running
    else:
        with azurite() as running:
            yield running


async def test_rows_lines_and_files_of_a_store_are_read(store: Store) -> None:
    settings = store.lake("inspected")
    with pytest.raises(TablesAbsentError):
        DeltaAudit(settings, [TOPIC], [], Random(1)).pin()
    lake = await opened(DeltaLake(settings, DEDUP_DAYS))
    await lake.merge_events([event(name) for name in ("kept", "torn", "owing", "given-up")], NOW)
    told = [line(name, offset) for offset, name in enumerate(("kept", "lost", "torn"))]
    parked = msgspec.structs.replace(line("owing", 3), outcome="parked", event_type="PROJECT_FILE_ADDED")
    given_up = msgspec.structs.replace(parked, event_id="given-up", offset=4)
    buried = msgspec.structs.replace(given_up, child="enrich", outcome="dead_lettered")
    await lake.append_log([*told, parked, given_up, buried])
    content = b"a file"
    stored = Row(
        "claimx_attachments",
        {
            "media_id": "7",
            "blob_path": "5395115/7/a ü.jpg",
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "uploaded_at": NOW,
        },
    )
    gone = Row("claimx_attachments", {**stored.values, "media_id": "8", "blob_path": "5395115/8/gone.jpg"})
    await lake.merge("claimx_attachments", [stored, gone])
    await lake.close()
    await ObjectStore(settings).put("5395115/7/a ü.jpg", content, str(stored.values["sha256"]))
    await ObjectStore(settings).put("1/2/stray.jpg", content, str(stored.values["sha256"]))

    audit = DeltaAudit(settings, [TOPIC], [], Random(1))
    audit.pin()
    (day,) = audit.days(Period())
    absent = {(each.table, each.key, each.event_id) for each in audit.absent(day, Period())}
    assert absent == {("claimx_events", "lost", "lost"), ("claimx_attachment_metadata", "7", "owing")}
    unfinished = {(each.event_id, each.outcome, each.went_on) for each in audit.unfinished(day, Period())}
    assert {("owing", "parked", False), ("given-up", "parked", True)} < unfinished
    assert audit.told(Shelf(TOPIC, 0), Span(1, 3), NOW).keys() == {1, 2}
    assert list(audit.twice("claimx_events")) == []
    assert {each.media_id for each in audit.sample(5)} == {"7", "8"}
    files = StoredFiles(settings, audit.tables)
    assert set(files.misfits(2**62)) == {
        Misfit("5395115/8/gone.jpg", "8", "the file is not there"),
        Misfit("1/2/stray.jpg", None, "no row in claimx_attachments"),
    }
    assert set(files.misfits(NOW - 400 * DAY)) == {Misfit("5395115/8/gone.jpg", "8", "the file is not there")}
    assert files.digest("5395115/7/a ü.jpg") == (len(content), stored.values["sha256"])
    assert (files.digest("5395115/8/gone.jpg"), files.size("5395115/8/gone.jpg")) == (None, None)
    assert files.size("5395115/7/a ü.jpg") == len(content)
    story = DeltaStory(PinnedTables(settings))
    assert [row["ingested_at"] for row in story.rows("claimx_events", "event_id", ["kept"], 5)] == [NOW]
    assert story.events_like("to", 5) == ["torn"]
    assert [each.offset for each in story.lines(["lost"], None, 5)] == [1]


def test_a_refused_credential_is_said_by_class_and_without_it(store: Store) -> None:
    wrong = Secret("bm90IHRoZSByaWdodCBrZXk=")
    settings = store.lake("inspected", **{store.secret: wrong}, max_retries="0")
    with pytest.raises(LakeError) as lake:
        PinnedTables(settings).open("claimx_events")
    with pytest.raises(AuthError) as files:
        StoredFiles(settings, PinnedTables(settings)).size("a")
    assert wrong.reveal() not in str(lake.value) + str(files.value)
