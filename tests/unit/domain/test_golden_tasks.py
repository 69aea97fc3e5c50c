"""Every message of version 1, as it stands on a topic: what was written yesterday is read tomorrow."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from claimx.domain.policyholders import Policyholder
from claimx.domain.results import UploadResult, encode_result, read_result
from claimx.domain.tasks import (
    CachedFile,
    DownloadTask,
    EnrichmentTask,
    Origin,
    ProjectTask,
    Task,
    decode_task,
    encode_task,
)
from claimx.errors import PoisonError

GOLDEN = Path(__file__).parents[2] / "contract" / "golden"
MESSAGES: dict[str, Task | UploadResult] = {
    "enrichment": EnrichmentTask(
        event_id="v1:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        event_type="POLICYHOLDER_INVITED",
        project_id="5395115",
        ingested_at=1_768_146_100_882_000,
        origin=Origin("claimx.events.raw", 3, 1042),
        first_tried_at=1_768_146_101_000_000,
        media_id="96269553",
        task_assignment_id="5423878",
        video_collaboration_id="1048577",
        master_file_name="0GKVCPF",
        policyholder=Policyholder("pat.sample@example.com", "Pat", "Sample", "5125550100", "1"),
        seen=("96269554", "96269555"),
        attempt=2,
        asked=1,
    ),
    "project": ProjectTask(
        event_id="evt_12345",
        event_type="CUSTOM_TASK_ASSIGNED",
        project_id="5395115",
        origin=Origin("claimx.events.raw", 0, 0),
        first_tried_at=1_768_146_101_000_000,
        attempt=3,
        asked=2,
    ),
    "download": DownloadTask(
        event_id="evt_12345",
        event_type="PROJECT_FILE_ADDED",
        project_id="5395115",
        media_id="96269553",
        url="https://www.claimxperience.com/service/cxfileservice/get/0b6b0a6e"
        "?filename=caf%C3%A9.jpg&sign=FAKE&systemDate=1768146100000&expires=86400000",
        origin=Origin("claimx.events.raw", 5, 7),
        first_tried_at=1_768_146_101_000_000,
        file_name='café "1".jpg',
        file_type="jpg",
        refresh_count=1,
        attempt=2,
        asked=1,
    ),
    "upload": CachedFile(
        download=DownloadTask(
            event_id="evt_12345",
            event_type="PROJECT_FILE_ADDED",
            project_id="5395115",
            media_id="96269553",
            url="https://files.example/IMG_0042.jpg?X-Amz-Signature=FAKE",
            origin=Origin("claimx.events.raw", 5, 7),
            first_tried_at=1_768_146_101_000_000,
        ),
        size_bytes=9_437_184,
        sha256="0" * 62 + "42",
        content_type="image/jpeg",
        path="96269553.1f2e3d",
        attempt=2,
    ),
    "result": UploadResult(
        event_id="evt_12345",
        project_id="5395115",
        media_id="96269553",
        stage="download",
        status="failed_permanent",
        at=1_768_146_101_000_000,
        error_code="file.stale",
    ),
}


def _result(value: bytes) -> UploadResult:
    return read_result(value, 0).result


def decoder(name: str) -> Callable[[bytes], Task | UploadResult]:
    return _result if name == "result" else decode_task


def golden(name: str, **changes: Any) -> bytes:
    return json.dumps(json.loads((GOLDEN / f"{name}.json").read_bytes()) | changes).encode()


each = pytest.mark.parametrize("name", MESSAGES)


def test_there_is_a_golden_file_for_every_message() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(MESSAGES)
    assert {type(message) for message in MESSAGES.values()} == {*Task.__args__, UploadResult}


@each
def test_a_golden_file_is_read_as_the_message_that_it_was(name: str) -> None:
    assert decoder(name)(golden(name)) == MESSAGES[name]


@each
def test_a_message_is_written_as_its_golden_file(name: str) -> None:
    message = MESSAGES[name]
    written = encode_result(message) if isinstance(message, UploadResult) else encode_task(message)
    assert json.loads(written) == json.loads(golden(name))


@each
def test_a_golden_file_gives_every_field(name: str) -> None:
    assert set(json.loads(golden(name))) - {"kind"} == set(MESSAGES[name].__struct_fields__)


@each
def test_a_field_that_is_not_known_changes_nothing(name: str) -> None:
    assert decoder(name)(golden(name, priority="high", nested={"v": [1]})) == MESSAGES[name]


@each
@pytest.mark.parametrize(
    "changes", [{}, {"project_id": {"id": 5395115}}], ids=["the same shape", "another shape"]
)
def test_a_message_of_the_next_version_is_refused_and_says_so(name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(PoisonError, match="version 2 is newer than 1") as refused:
        decoder(name)(golden(name, v=2, **changes))
    assert refused.value.code == ("result.version" if name == "result" else "task.version")


def test_a_task_of_before_there_was_a_field_is_read_without_it() -> None:
    of_before = json.loads(golden("enrichment"))
    del of_before["seen"]
    assert decode_task(json.dumps(of_before).encode()) == msgspec.structs.replace(
        MESSAGES["enrichment"], seen=()
    )


@each
def test_a_message_that_is_cut_off_is_malformed(name: str) -> None:
    with pytest.raises(PoisonError) as refused:
        decoder(name)(golden(name)[:-2])
    assert refused.value.code == ("result.malformed" if name == "result" else "task.malformed")
