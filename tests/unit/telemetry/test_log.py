"""What a line looks like, and what never stands in one, whatever is logged."""

import os
import pty
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from claimx.config.environ import colors_wanted
from claimx.config.tree import Secret
from claimx.domain.tasks import DownloadTask, Origin
from claimx.errors import LakeError, TransientError
from claimx.telemetry.context import IDS, About, Named
from claimx.telemetry.events import EVENTS
from claimx.telemetry.log import configure
from support.told import lines_of

CANARY = "Canary7Sa0bird"
SIGNED = f"https://user:{CANARY}@files.example/a/b.jpg?X-Amz-Signature={CANARY}&x=1"
HEADER = f"Authorization: Basic {CANARY}"


class Colour(Enum):
    SECRET = SIGNED


@dataclass
class Thing:
    password: str = CANARY
    url: str = SIGNED


def refused() -> aiohttp.ClientResponseError:
    """The error whose text has the URL and whose repr has the headers of the request."""
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": f"Basic {CANARY}"}))
    info = aiohttp.RequestInfo(URL(SIGNED), "GET", headers, URL(SIGNED))
    return aiohttp.ClientResponseError(info, (), status=403, message=SIGNED, headers=headers)


def download() -> DownloadTask:
    return DownloadTask("v1:aa", "PROJECT_FILE_ADDED", "1", "2", SIGNED, Origin("t", 0, 1), 0)


FIELDS: dict[str, Any] = {
    "url": SIGNED,
    "text": f"GET {SIGNED} failed, sent {HEADER}",
    "bearer": f"bearer {CANARY}",
    "named": f'{{"api_key": "{CANARY}", "token":"{CANARY}"}}',
    "encoded": f"https%3A%2F%2Fh%2Fa%3Fsig%3D{CANARY}",
    "escaped": f"https://h/a\\u003fsig\\u003d{CANARY}",
    "html": f"https://h/a?x=1&amp;sig={CANARY}",
    "token": CANARY,
    "sasl_password": CANARY,
    "authorization": CANARY.encode(),
    "content": SIGNED.encode(),
    "buffer": bytearray(SIGNED.encode()),
    "secret": Secret(CANARY),
    "own": Secret(CANARY),
    "yarl": URL(SIGNED),
    "path": Path(f"/a?sig={CANARY}"),
    "enum": Colour.SECRET,
    "task": download(),
    "thing": Thing(),
    "mapping": {"url": SIGNED, "headers": {"Authorization": CANARY}},
    "proxy": MappingProxyType({"cookie": CANARY}),
    "list": [SIGNED, [SIGNED, (SIGNED, {SIGNED})]],
    "deque": deque([SIGNED]),
    "ours": TransientError("api.connect", SIGNED),
    "lake": LakeError(f"PUT {SIGNED}"),
    "foreign": refused(),
    "value_error": ValueError(SIGNED, HEADER),
    "group": ExceptionGroup(SIGNED, [ValueError(SIGNED)]),
    SIGNED: 1,
}


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("name", FIELDS)
def test_no_secret_passes_in_a_field_of_any_type(
    name: str, form: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("debug", form).error("process.failed", **{name: FIELDS[name]})
    said = capsys.readouterr().err
    assert "process.failed" in said
    assert CANARY not in said


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_neither_secrets_nor_locals(form: Any, capsys: pytest.CaptureFixture[str]) -> None:
    log = configure("debug", form)

    def fail(password: str) -> None:
        local_of_a_frame = password + HEADER
        try:
            raise refused()
        except aiohttp.ClientError as error:
            error.add_note(f"sent {HEADER} to {SIGNED}")
            raise RuntimeError(f"{len(local_of_a_frame)} of {SIGNED}") from error

    try:
        fail(CANARY)
    except RuntimeError as error:
        log.error("process.failed", exc_info=True)  # noqa: G201  # not the log of the library
        log.error("process.failed", exc_info=error, error=error)  # noqa: TRY400
    said = capsys.readouterr().err
    assert "RuntimeError" in said
    assert "ClientResponseError" in said
    assert CANARY not in said
    assert '"locals"' not in said


def test_what_names_things_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    fields = {
        "event_id": "v1:" + "0a" * 32,
        "child": "download:123456",
        "topic": "claimx.events.raw",
        "partition": 3,
        "offset": 12_345_678_901,
        "error": "lake: claimx_events/part-00001-0d2bcd7e-aa01-4f0b-a6f6-16b7d9a0c0ff-c000.zstd.parquet: disk full",
        "delay_s": 299.9,
        "is_lost": True,
        "lag": None,
    }
    configure("debug", "json").error("process.failed", **fields)
    (line,) = lines_of(capsys)
    assert list(line)[:3] == ["ts", "level", "event"]
    assert {name: line[name] for name in fields} == fields


def test_a_line_is_one_line_of_plain_json_whatever_stands_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    odd = {"a": "two\nlines\u2028\x1b[2J\udc80", "b": float("nan"), "c": {1: float("inf")}, "d": "x" * 9000}
    configure("debug", "json").error("process.failed", **odd)
    said = capsys.readouterr().err
    assert said.isascii()
    assert said.count("\n") == 1
    assert len(said) < 3000


def test_a_terminal_is_sent_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    configure("debug", "console").warning("item.parked", event_id="\x1b[2Jx\x9b1A\u202e\rz", code="a\nb")
    said = capsys.readouterr().err
    assert "\\u001b[2Jx\\u009b1A\\u202e\\rz" in said
    assert all(each.isprintable() or each == "\n" for each in said)


def test_a_person_reads_one_line_with_names_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "console").info(
        "process.progressed", lag=7, stages={"enrich": {"in": 2, "out": 1}}, circuits=["api open"]
    )
    (line,) = capsys.readouterr().err.splitlines()
    for part in ("info", "process.progressed", "lag=7", "enrich=(in=2 out=1)", "circuits='api open'"):
        assert part in line


def test_lines_carry_the_ids_of_what_is_worked_on_and_their_own_come_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = configure("info", "json")
    with About(Named(stage="enrich", event_id="a")):
        with About(Named(event_id="b")):
            log.info("item.parked", code="x")
        log.info("item.parked", code="y", stage="upload")
    log.info("item.parked", code="z")
    told = [{name: line[name] for name in IDS if name in line} for line in lines_of(capsys)]
    assert told == [{"event_id": "b"}, {"stage": "upload", "event_id": "a"}, {}]


def test_levels_below_the_chosen_one_are_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    log = configure("warning", "json")
    log.info("item.parked")
    log.debug("item.dropped")
    log.warning("item.dead_lettered")
    assert [line["event"] for line in lines_of(capsys)] == ["item.dead_lettered"]


@pytest.mark.parametrize(
    ("event", "told", "left_out"),
    [("ledger.violated", 500, 0), ("item.parked", 100, 400), ("kafka.failed", 5, 495)],
)
def test_what_repeats_is_told_a_few_times_and_counted(
    event: Any, told: int, left_out: int, capsys: pytest.CaptureFixture[str]
) -> None:
    log = configure("info", "json")
    for _ in range(500):
        log.error(event, code="x")
    lines = lines_of(capsys)
    assert told <= len(lines) <= told + 20, "a slow machine may have let some more drop in"
    assert left_out == 0 or left_out - 20 <= 500 - len(lines) <= left_out


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm"}, True),
    ],
)
def test_colours_are_not_for_everyone(environ: dict[str, str], wanted: bool) -> None:
    assert colors_wanted(environ) is wanted


@pytest.mark.parametrize(("no_color", "colours"), [("", True), ("1", False)])
def test_on_a_terminal_lines_are_for_people_and_no_color_is_respected(no_color: str, colours: bool) -> None:
    ours, theirs = pty.openpty()
    code = "from claimx.telemetry.log import configure; configure('info', 'auto').info('process.started', version='1')"
    environ = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", code], stderr=theirs, env=environ, check=True, timeout=50)
    os.close(theirs)
    said = os.read(ours, 4096).decode()
    os.close(ours)
    assert "process.started" in said
    assert "{" not in said
    assert ("\x1b[" in said) is colours


def test_every_event_of_the_table_can_be_logged(capsys: pytest.CaptureFixture[str]) -> None:
    log = configure("debug", "json")
    for event in EVENTS:
        log.debug(event)  # type: ignore[arg-type]
    assert [line["event"] for line in lines_of(capsys)] == list(EVENTS)
