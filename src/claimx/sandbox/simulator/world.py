"""The simulated world: projects with their media, tasks, videos and contacts. Pure: everything follows from the seed.

Nothing is kept: whatever an id names is derived again from the id, so that the world has no size. Ids have the
magnitudes of real ones (Source: reference/domain.md 0): 7 digits, media 8, templates 5.
"""

import math
import re
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import NamedTuple

from claimx.domain.times import SECOND, Micros, parse_time
from claimx.sandbox.simulator.words import HOSTILE_NAMES, PLAIN_STEMS, TWIN_NAME

BEGINNING: Micros = parse_time("2026-01-11T15:30:00Z") or 0
"""When the first project was made."""

MEGABYTE = 1024 * 1024
LARGEST = 9 * MEGABYTE
"""Above the size up to which files pass as bytes, so that the spool is met."""

_PROJECT_BASE, _PROJECT_STEP = 5_000_003, 7
_MEDIA_BASE, _MEDIA_SLOTS = 90_000_000, 32
_TASK_BASE, _TASK_SLOTS = 5_400_000, 8
_VIDEO_BASE, _VIDEO_SLOTS = 1_048_577, 4
_LINK_BASE = 4_000_000
_CLAIM = re.compile(r"01-([0-9]{3,5})A-([0-9]{3})B")
_TWIN_SLOTS, _NAMELESS_SLOT, _UNLINKED_SLOT = (1, 2), 3, 4
_TEMPLATES, _TEMPLATE_BASE = 60, 32_500
_SMALLEST, _USUAL_LARGEST = 1024, 300 * 1024
_NUMBER_BYTES = 8
_MAGIC = {
    "jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "pdf": b"%PDF-1.7\n",
    "mp4": b"\x00\x00\x00\x18ftypmp42",
}


class Media(NamedTuple):
    """One file.

    Args:
        slot: its place within the project.
        name: as the API tells it: maybe hostile, maybe None.
        kind: ``jpg``, ``pdf`` or ``mp4``: what its bytes are.
        has_link: the API tells where to get it; without, there is nothing to store.
    """

    media_id: int
    project_id: int
    slot: int
    name: str | None
    kind: str
    size: int
    has_link: bool


class Task(NamedTuple):
    """One assignment of a custom task.

    Args:
        template_id: None where the API answers ``customTask: null``.
        link_id: None where the API answers ``externalLinkData: null``.
        is_long: its answers are of the size that was captured: 23 groups, about 165 KB.
    """

    assignment_id: int
    project_id: int
    template_id: int | None
    link_id: int | None
    link_email: str | None
    is_completed: bool
    is_long: bool


class Project(NamedTuple):
    """One claim.

    Args:
        number: its place in the world, from 0.
        email: the policyholder's primary address, or None.
        reps: user names of the team; blank ones are not among them.
        named_media: how many of ``media``, from the first on, have events of their own.
        videos: ids of video sessions, oldest first.
    """

    number: int
    project_id: int
    claim_number: str
    mfn: str
    email: str | None
    reps: tuple[str, ...]
    created_at: Micros
    media: tuple[Media, ...]
    named_media: int
    tasks: tuple[Task, ...]
    videos: tuple[int, ...]


def chance(rng: Random, odds: float) -> bool:
    """Draw: True with probability ``odds``."""
    return rng.random() < odds


def trait(index: int, every: int, at: int) -> bool:
    """Whether a project has a rare trait: every so many have it, and the first one has them all."""
    return index == 0 or index % every == at


class World:
    """All projects of a seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.project = lru_cache(1024)(self._make_project)

    def draws(self, purpose: str) -> Random:
        """Make a generator for one purpose, the same in every process."""
        return Random(f"{self.seed}:{purpose}")

    def project_of(self, project_id: int) -> Project | None:
        """Find a project by its id."""
        index, rest = divmod(project_id - _PROJECT_BASE, _PROJECT_STEP)
        return self.project(index) if index >= 0 and rest == 0 else None

    def project_of_claim(self, claim_number: str) -> Project | None:
        """Find a project by its claim number."""
        found = _CLAIM.fullmatch(claim_number)
        return self.project(int(found[1] + found[2])) if found else None

    def media(self, media_id: int) -> Media | None:
        """Find a file by its id."""
        index, slot = divmod(media_id - _MEDIA_BASE, _MEDIA_SLOTS)
        media = self.project(index).media if index >= 0 else ()
        return media[slot] if slot < len(media) else None

    def task(self, assignment_id: int) -> Task | None:
        """Find a task by the id of its assignment."""
        index, slot = divmod(assignment_id - _TASK_BASE, _TASK_SLOTS)
        tasks = self.project(index).tasks if index >= 0 else ()
        return tasks[slot] if slot < len(tasks) else None

    def content(self, media: Media) -> bytes:
        """Make the bytes of a file: the magic of its kind, then noise."""
        magic = _MAGIC[media.kind]
        return magic + self.draws(f"content:{media.media_id}").randbytes(media.size - len(magic))

    def pieces(self, media: Media, size: int, first: int = 0) -> Iterator[bytes]:
        """Make a file of any size from byte ``first`` on, a megabyte at a time: its magic, then numbered noise."""
        magic = _MAGIC[media.kind]
        noise = self.draws(f"pieces:{media.media_id}").randbytes(MEGABYTE - _NUMBER_BYTES)
        for number in range(first // MEGABYTE, -(-size // MEGABYTE)):
            piece = number.to_bytes(_NUMBER_BYTES, "big") + noise
            if number == 0:
                piece = magic + piece[len(magic) :]
            yield piece[max(first - number * MEGABYTE, 0) : size - number * MEGABYTE]

    def _make_project(self, index: int) -> Project:
        rng = self.draws(f"project:{index}")
        project_id = _PROJECT_BASE + index * _PROJECT_STEP
        email = None if trait(index, 12, 7) and index else f"holder.{project_id}@example.com"
        named = 10 if index == 0 else rng.randint(1, 11)
        unnamed = rng.choice((0, 0, 0, 1, 2))
        tasks = 3 if index == 0 else rng.choice((0, 1, 1, 2, 3))
        videos = 3 if index == 0 else 2 if trait(index, 10, 5) else 0
        return Project(
            index,
            project_id,
            f"01-{index // 1000:03d}A-{index % 1000:03d}B",
            "".join(rng.choices("0123456789ABCDEFGHJKLMNPQRSTVWXYZ", k=7)),
            email,
            tuple(
                f"adjuster{number}@example.com" for number in rng.sample(range(40), rng.choice((0, 1, 1, 2)))
            ),
            BEGINNING + index * 20 * SECOND,
            tuple(_media(rng, index, slot) for slot in range(named + unnamed)),
            named,
            tuple(_task(rng, index, slot, email) for slot in range(tasks)),
            tuple(_VIDEO_BASE + index * _VIDEO_SLOTS + slot for slot in range(videos)),
        )


def _media(rng: Random, index: int, slot: int) -> Media:
    kind = rng.choices(("jpg", "pdf", "mp4"), (80, 12, 8))[0]
    size = int(math.exp(rng.uniform(math.log(_SMALLEST), math.log(_USUAL_LARGEST))))
    if slot == 0 and index % 64 == 0:
        kind, size = "mp4", LARGEST + index
    elif slot == 0 and trait(index, 16, 8):
        kind, size = "mp4", rng.randint(2 * MEGABYTE, 5 * MEGABYTE)
    name = _file_name(rng, index, slot, kind)
    project_id = _PROJECT_BASE + index * _PROJECT_STEP
    has_link = slot != _UNLINKED_SLOT or not trait(index, 9, 4)
    return Media(_MEDIA_BASE + index * _MEDIA_SLOTS + slot, project_id, slot, name, kind, size, has_link)


def _file_name(rng: Random, index: int, slot: int, kind: str) -> str | None:
    if slot in _TWIN_SLOTS and trait(index, 3, 1):
        return TWIN_NAME
    if slot == _NAMELESS_SLOT and trait(index, 5, 2):
        return None
    if chance(rng, 0.15):
        return rng.choice(HOSTILE_NAMES)
    return f"{rng.choice(PLAIN_STEMS)}.{kind}"


def _task(rng: Random, index: int, slot: int, email: str | None) -> Task:
    number = index * _TASK_SLOTS + slot
    has_link = slot == 0 or chance(rng, 0.6)
    own = email.upper() if email and chance(rng, 0.3) else email
    return Task(
        _TASK_BASE + number,
        _PROJECT_BASE + index * _PROJECT_STEP,
        None if slot == 1 and trait(index, 4, 3) else _TEMPLATE_BASE + rng.randrange(_TEMPLATES),
        _LINK_BASE + number if has_link else None,
        rng.choice((own, own, f"tenant.{number}@example.com", None)) if has_link else None,
        chance(rng, 0.7),
        slot == 0 and trait(index, 6, 4),
    )
