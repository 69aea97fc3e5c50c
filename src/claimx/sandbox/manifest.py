"""What must come out of a feed: every row's key and every file's bytes, worked out without the pipeline.

Only the rules that give things their names are the pipeline's own: the event id, the id of a contact, the object key.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl
from deltalake import DeltaTable

from claimx.domain.entities.contacts import CLAIM_REP, POLICYHOLDER, contact_id
from claimx.domain.events import ENRICHED_TYPES, Event, decode, is_numeric
from claimx.domain.files import object_key
from claimx.domain.policyholders import EVENT_TYPES, policyholder_in
from claimx.errors import PoisonError
from claimx.sandbox.simulator.records import Record, records
from claimx.sandbox.simulator.world import BEGINNING, Media, Project, World

Key = tuple[str, ...]
KEYS: Mapping[str, tuple[str, ...]] = {
    "claimx_events": ("event_id",),
    "claimx_projects": ("project_id",),
    "claimx_contacts": ("contact_id", "project_id"),
    "claimx_attachment_metadata": ("media_id",),
    "claimx_tasks": ("task_id",),
    "claimx_task_templates": ("template_id", "project_id"),
    "claimx_external_links": ("link_id",),
    "claimx_video_collab": ("collaboration_id",),
    "claimx_attachments": ("media_id",),
}
"""The merge keys (Source: design.md 4)."""

_NAMED = 5
_FLAGS = frozenset({"PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL", "PERSONAL_PROPERTY_TASK_SHARED"})


@dataclass(slots=True)
class Manifest:
    """What must be there once everything is done and nothing has failed for good.

    Args:
        records: how many the topic gets.
        tombstones: records that are skipped.
        malformed: records that end in events.dlq.
        hopeless: events with a row of their own that end in enrichment.dlq.
        keys: table -> the keys of its rows, as text.
        files: object key -> the file.
    """

    world: World
    records: int = 0
    tombstones: int = 0
    malformed: int = 0
    hopeless: int = 0
    keys: dict[str, set[Key]] = field(default_factory=lambda: defaultdict(set))
    files: dict[str, Media] = field(default_factory=dict)

    @property
    def dead_lettered(self) -> int:
        """Records whose outcome is dead_lettered."""
        return self.malformed + self.hopeless

    def rows(self) -> dict[str, int]:
        """Count the rows of each table."""
        return {table: len(self.keys[table]) for table in KEYS}


def manifest_of(seed: int, events: int) -> Manifest:
    """Work out what must come out of the feed of a seed and a number of events."""
    manifest = Manifest(World(seed))
    for record in records(manifest.world, events):
        manifest.records += 1
        event = _event(manifest, record)
        if event is not None and (event.event_id,) not in manifest.keys["claimx_events"]:
            manifest.keys["claimx_events"].add((event.event_id,))
            _add(manifest, event)
    return manifest


def problems(manifest: Manifest, tables_url: str, files_url: str) -> list[str]:
    """Compare a lake on disk with the manifest: keys of every table, each once, and every file byte for byte.

    Args:
        tables_url: a path or ``file://`` URL.
        files_url: a path or ``file://`` URL.
    """
    tables, files = _local(tables_url), _local(files_url)
    found: list[str] = []
    for table in KEYS:
        found.extend(_table_problems(manifest, table, tables / table))
    found.extend(_inventory_problems(manifest, tables / "claimx_attachments"))
    found.extend(_file_problems(manifest, files))
    return found


def summary_problems(manifest: Manifest, summary: Mapping[str, int]) -> Iterator[str]:
    """Compare the counts of a run's summary, of a run without faults, with the manifest.

    A copy of an event may count as committed or as skipped, whichever way the copies met.
    """
    done = manifest.records - manifest.dead_lettered
    found = {
        "received": (summary["received"], manifest.records),
        "dead_lettered": (summary["dead_lettered"], manifest.dead_lettered),
        "committed + skipped": (summary["committed"] + summary["skipped"], done),
        "lag": (summary["lag"], 0),
        "in_flight": (summary["in_flight"], 0),
    }
    for name, (is_now, shall_be) in found.items():
        if is_now != shall_be:
            yield f"summary: {name} is {is_now}, should be {shall_be}"
    if summary["files"] < len(manifest.files):  # a copy may have stored its file again
        yield f"summary: files is {summary['files']}, should be at least {len(manifest.files)}"


def _local(url: str) -> Path:
    return Path(unquote(urlsplit(url).path) if url.startswith("file:") else url)


def _table_problems(manifest: Manifest, table: str, path: Path) -> Iterator[str]:
    wanted = manifest.keys[table]
    there = Counter(_rows(path, KEYS[table]))
    twice = [key for key, number in there.items() if number > 1]
    yield from _list(f"{table}: key more than once", twice)
    yield from _list(f"{table}: row missing", wanted - there.keys())
    yield from _list(f"{table}: row that should not be", there.keys() - wanted)


def _inventory_problems(manifest: Manifest, path: Path) -> Iterator[str]:
    """Check that each row of the inventory tells the place, size and digest of its file."""
    by_media = {str(media.media_id): (key, media) for key, media in manifest.files.items()}
    wrong: list[Key] = []
    for media_id, blob_path, size, digest in _rows(path, ("media_id", "blob_path", "bytes", "sha256")):
        key, media = by_media.get(media_id, ("", None))
        if media is not None and (blob_path, size, digest) != (
            key,
            str(media.size),
            _digest(manifest, media),
        ):
            wrong.append((media_id, blob_path))
    yield from _list("claimx_attachments: blob_path, bytes or sha256 wrong", wrong)


def _file_problems(manifest: Manifest, root: Path) -> Iterator[str]:
    there = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    yield from _list("file missing", [(key,) for key in manifest.files.keys() - there])
    yield from _list("file that should not be", [(key,) for key in there - manifest.files.keys()])
    differing = [
        (key,)
        for key in manifest.files.keys() & there
        if (root / key).read_bytes() != manifest.world.content(manifest.files[key])
    ]
    yield from _list("file with other bytes", differing)


def _list(what: str, keys: Iterable[Key]) -> Iterator[str]:
    """Name the first few of what is wrong in one way, and how many there are."""
    found = sorted(keys)
    if found:
        some = ", ".join("/".join(key) for key in found[:_NAMED])
        yield f"{what}: {len(found)}: {some}{' ...' if len(found) > _NAMED else ''}"


def _rows(path: Path, columns: Sequence[str]) -> list[Key]:
    """Read some columns of a table as text; a table that is not there has no rows."""
    if not DeltaTable.is_deltatable(str(path)):
        return []
    frame = pl.scan_delta(str(path)).select(pl.col(*columns).cast(pl.String).fill_null(""))
    return frame.collect().rows()


def _digest(manifest: Manifest, media: Media) -> str:
    return sha256(manifest.world.content(media)).hexdigest()


def _event(manifest: Manifest, record: Record) -> Event | None:
    if record.value is None:
        manifest.tombstones += 1
        return None
    timestamp = BEGINNING if record.timestamp_ms is None else record.timestamp_ms * 1000
    try:
        return decode(record.value, 0, timestamp, None)
    except PoisonError:
        manifest.malformed += 1
        return None


def _add(manifest: Manifest, event: Event) -> None:
    """Add the rows and files that follow from one event."""
    if event.event_type not in ENRICHED_TYPES:
        return
    project = manifest.world.project_of(int(event.project_id))
    if project is None:
        raise AssertionError(f"the world has no project {event.project_id}")
    manifest.keys["claimx_projects"].add((event.project_id,))
    if event.event_type in _FLAGS:
        return
    _add_contacts(manifest, event, project)
    if event.media_id is not None and not is_numeric(event.media_id):
        manifest.hopeless += 1
    elif event.event_type.startswith("CUSTOM_TASK_"):
        _add_task(manifest, event)
    elif event.event_type.startswith("VIDEO_"):
        video = event.video_collaboration_id or str(project.videos[-1])
        manifest.keys["claimx_video_collab"].add((video,))
    elif event.event_type == "PROJECT_FILE_ADDED":
        _add_media(manifest, event, project)


def _add_contacts(manifest: Manifest, event: Event, project: Project) -> None:
    contacts = manifest.keys["claimx_contacts"]
    contacts.update((contact_id(rep, CLAIM_REP), event.project_id) for rep in project.reps)
    if project.email is not None:
        contacts.add((contact_id(project.email, POLICYHOLDER), event.project_id))
    person = policyholder_in(event.raw_data) if event.event_type in EVENT_TYPES else None
    if person is not None:
        contacts.add((contact_id(person.email, POLICYHOLDER), event.project_id))


def _add_task(manifest: Manifest, event: Event) -> None:
    task = manifest.world.task(int(event.task_assignment_id or 0))
    if task is None:
        raise AssertionError(f"the world has no task {event.task_assignment_id}")
    manifest.keys["claimx_tasks"].add((str(task.assignment_id),))
    if task.template_id is not None:
        manifest.keys["claimx_task_templates"].add((str(task.template_id), event.project_id))
    if task.link_id is not None:
        manifest.keys["claimx_external_links"].add((str(task.link_id),))
    if task.link_email is not None:
        contact = contact_id(task.link_email, POLICYHOLDER)
        manifest.keys["claimx_contacts"].add((contact, event.project_id))


def _add_media(manifest: Manifest, event: Event, project: Project) -> None:
    """Add the file that an event names, or all of the project where it names none."""
    for media in project.media:
        media_id = str(media.media_id)
        if event.media_id not in {None, media_id}:
            continue
        manifest.keys["claimx_attachment_metadata"].add((media_id,))
        if media.has_link:
            manifest.keys["claimx_attachments"].add((media_id,))
            manifest.files[object_key(event.project_id, media_id, media.name)] = media


def main() -> int:
    """Compare a lake on disk with what must be there; 3 when something is wrong."""
    parser = argparse.ArgumentParser(prog="claimx.sandbox.manifest")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--tables", required=True)
    parser.add_argument("--files", required=True)
    options = parser.parse_args()
    found = problems(manifest_of(options.seed, options.events), options.tables, options.files)
    for problem in found:
        sys.stdout.write(problem + "\n")
    return 3 if found else 0


if __name__ == "__main__":
    sys.exit(main())
