"""What benchmarks fill topics with."""

from claimx.domain.events import Event, decode
from claimx.domain.tasks import DownloadTask, read_task
from claimx.sandbox.loads import bursts, downloads, mixed, rows_only
from claimx.sandbox.simulator.records import Record
from claimx.sandbox.simulator.world import World


def events(records: list[Record]) -> list[Event]:
    return [decode(record.value or b"", number, 0, None) for number, record in enumerate(records)]


def test_every_event_has_an_id_of_its_own() -> None:
    for records in (list(rows_only(500)), list(bursts(World(1), 500)), list(mixed(World(1), 500))):
        made = events(records)
        assert len({event.event_id for event in made}) == len(made) == 500


def test_events_without_work_are_not_enriched_and_the_others_are() -> None:
    assert not any(event.is_enriched for event in events(list(rows_only(20))))
    assert all(event.is_enriched for event in events(list(mixed(World(1), 200))))


def test_bursts_have_one_project_after_the_other() -> None:
    projects = [event.project_id for event in events(list(bursts(World(1), 300)))]
    assert len(dict.fromkeys(projects)) == 3
    assert projects == sorted(projects)


def test_mixed_events_are_bursts_and_single_ones_by_turns() -> None:
    projects = [event.project_id for event in events(list(mixed(World(1), 2000)))]
    assert len(set(projects[:20])) == 1
    assert len(set(projects[20:40])) > 10


def test_the_same_seed_makes_the_same_events() -> None:
    assert list(mixed(World(3), 100)) == list(mixed(World(3), 100))
    assert list(mixed(World(3), 100)) != list(mixed(World(4), 100))


def test_download_tasks_name_files_of_the_server() -> None:
    (record, _) = downloads("http://127.0.0.1:1", 100_000, 2)
    task = read_task((DownloadTask,), record.value or b"", 0).task
    assert isinstance(task, DownloadTask)
    assert task.url == "http://127.0.0.1:1/100000/0.jpg"
