"""The control socket: what is asked is answered, and whatever is sent harms nobody."""

import asyncio
import json
import os
import socket
import stat
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from claimx.adapters.control_socket import NAME, READ_S, REQUEST_BYTES, ControlClient, ControlServer, Refusal
from claimx.adapters.state_dir import StateDir
from claimx.errors import OperationError, TransientError
from claimx.ports.control import AskStatus, Command, Drain, Draining, ListRetries, Page, Wanted
from claimx.telemetry.log import configure
from support.privileges import bind_to_permissions
from support.rig import CLAIMX

LOG = configure("error", "json")


class Process:
    """Answers, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Command] = []
        self.answer: msgspec.Struct = Draining(3)
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def obey(self, command: Command) -> msgspec.Struct:
        self.asked.append(command)
        await self.go_on.wait()
        return self.answer


def make(directory: Path) -> None:
    directory.mkdir(parents=True)


@asynccontextmanager
async def listening(directory: Path, process: Process) -> AsyncIterator[ControlServer]:
    server = ControlServer(directory, process.obey, LOG)
    server.open()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(server.run())
        try:
            yield server
        finally:
            task.cancel()


async def said(directory: Path, *lines: bytes, eof: bool = True) -> list[dict[str, object]]:
    """Send bytes as they are, and read until the other side hangs up."""
    reader, writer = await asyncio.open_unix_connection(str(directory / NAME), limit=2**24)
    answers = []
    with suppress(ConnectionError):
        writer.writelines(lines)
        if eof:
            writer.write_eof()
        while line := await reader.readline():
            answers.append(json.loads(line))
    writer.transport.abort()
    return answers


async def test_a_line_is_a_request_and_a_line_is_its_answer(tmp_path: Path) -> None:
    process = Process()
    async with listening(tmp_path, process):
        answers = await said(
            tmp_path,
            b'{"command": "drain"}\n{"command": "status", "lag": true}\n',
            b'{"command":"retries.list","wanted":{"stage":"enrich","new":1},"after":[["t",1,2],"enrich"]}\n',
        )
        assert answers == [{"ok": True, "answer": {"in_flight": 3}}] * 3
        assert process.asked[:2] == [Drain(), AskStatus(lag=True)]
        step = process.asked[2]
        assert isinstance(step, ListRetries)
        assert step.wanted == Wanted(stage="enrich")
        assert step.after is not None
        assert step.after.origin.offset == 2


async def test_the_socket_is_its_users_alone_and_ends_with_the_process(tmp_path: Path) -> None:
    with StateDir(str(tmp_path), "claimx-0") as state:
        async with listening(state.path, Process()):
            assert stat.S_IMODE((state.path / NAME).stat().st_mode) == 0o600
            assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
            assert await ControlClient(state.path).is_answered()
        assert not (state.path / NAME).exists()
        assert not await ControlClient(state.path).is_answered()
        with pytest.raises(TransientError, match=r"control.absent: no claimx of this instance runs here"):
            await ControlClient(state.path).ask(Drain(), Draining)


async def test_the_socket_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / NAME))
    dead.close()
    assert not await ControlClient(tmp_path).is_answered()
    async with listening(tmp_path, Process()):
        assert await ControlClient(tmp_path).ask(Drain(), Draining) == Draining(3)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"no json\n", "request.malformed"),
        (b"[1, 2]\n", "request.malformed"),
        (b'{"command": "erase"}\n', "request.malformed"),
        (b'{"command": "status", "lag": 7}\n', "request.malformed"),
        (b'{"command": "retries.drop", "after": "x"}\n', "request.malformed"),
        (b"\n", "request.malformed"),
        (b"\xff\xfe\n", "request.malformed"),
        (b'{"a":' * 20_000 + b"\n", "request.too_large"),
        (b"[" * 60_000 + b"\n", "request.malformed"),
        (b" " * (REQUEST_BYTES + 10), "request.too_large"),
    ],
    ids=lambda value: repr(value[:30]),
)
async def test_what_is_no_request_is_refused_and_the_next_one_is_answered(
    tmp_path: Path, line: bytes, code: str
) -> None:
    process = Process()
    async with listening(tmp_path, process):
        answers = await said(tmp_path, line)
        assert [(each["ok"], each["error"]["code"]) for each in answers] in ([(False, code)], [])
        assert answers or code == "request.too_large", (
            "only where we hang up on unread bytes may the answer be lost"
        )
        assert process.asked == []
        assert await ControlClient(tmp_path).ask(Drain(), Draining) == Draining(3)


async def test_who_says_nothing_is_hung_up_on(tmp_path: Path) -> None:
    async with listening(tmp_path, Process()):
        async with asyncio.timeout(READ_S + 15):
            assert await said(tmp_path, b'{"comm', eof=False) == []


async def test_a_client_that_hangs_up_before_its_answer_harms_nobody(tmp_path: Path) -> None:
    process = Process()
    process.go_on.clear()
    process.answer = Page(reason="x" * 5_000_000)
    async with listening(tmp_path, process):
        for _ in range(3):
            _, writer = await asyncio.open_unix_connection(str(tmp_path / NAME))
            writer.write(b'{"command": "drain"}\n')
            await writer.drain()
            while not process.asked:
                await asyncio.sleep(0.01)
            process.asked.clear()
            writer.transport.abort()
        process.go_on.set()
        page = await ControlClient(tmp_path).ask(ListRetries(), Page)
        assert page.reason == process.answer.reason, "a large answer arrives whole"


async def test_too_many_at_once_are_refused_until_some_are_done(tmp_path: Path) -> None:
    process = Process()
    process.go_on.clear()
    client = ControlClient(tmp_path)
    async with listening(tmp_path, process):
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(client.ask(Drain(), Draining)) for _ in range(16)]
            async with asyncio.timeout(10):
                while len(process.asked) < 16:
                    await asyncio.sleep(0.01)
            with pytest.raises(OperationError, match=r"request.too_many"):
                await client.ask(Drain(), Draining)
            process.go_on.set()
        assert [task.result() for task in waiting] == [Draining(3)] * 16
        assert await client.ask(Drain(), Draining) == Draining(3)


async def test_a_refusal_reaches_the_person_with_its_hint(tmp_path: Path) -> None:
    process = Process()
    process.answer = Refusal("delay.disk", "no space", "make room")
    async with listening(tmp_path, process):
        with pytest.raises(OperationError, match=r"delay.disk: no space") as caught:
            await ControlClient(tmp_path).step(ListRetries())
        assert caught.value.hint == "make room"
        process.answer = Refusal("x", "y")
        with pytest.raises(OperationError, match="x: y"):
            await ControlClient(tmp_path).step(ListRetries())


async def test_an_answer_of_another_version_is_said_to_be_one(tmp_path: Path) -> None:
    process = Process()
    async with listening(tmp_path, process):
        process.answer = Refusal("a", "b")
        process.answer = Page()
        with pytest.raises(OperationError, match="cannot read"):
            await ControlClient(tmp_path).ask(Drain(), Draining)


async def test_a_long_path_is_reached_by_a_link(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    make(deep)
    async with listening(deep, Process()):
        assert (deep / NAME).is_socket()
        assert await ControlClient(deep).ask(Drain(), Draining) == Draining(3)
    assert not (deep / NAME).exists()


def test_where_even_the_temporary_directory_is_deep_it_is_said(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    make(deep)
    config = tmp_path / "claimx.toml"
    config.write_text(
        f'[api]\ntoken = "ZmFrZTpmYWtl"\n[lake]\ntables_url = "t"\nfiles_url = "f"\n[process]\nstate_dir = "{deep}"\n'
    )
    done = subprocess.run(
        [CLAIMX, "status", "-c", config],
        env=os.environ | {"TMPDIR": str(deep)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "is too long for a socket" in done.stderr
    assert "hint: choose a shorter process.state_dir" in done.stderr
    assert list(deep.iterdir()) == [], "nothing is left behind"


async def test_a_place_that_takes_no_socket_costs_the_process_nothing_else(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    async with listening(tmp_path, Process()):
        assert not await ControlClient(tmp_path).is_answered()


async def test_another_users_socket_is_said_to_be_one(tmp_path: Path) -> None:
    config = tmp_path / "claimx.toml"
    config.write_text(
        f'[api]\ntoken = "ZmFrZTpmYWtl"\n[lake]\ntables_url = "t"\nfiles_url = "f"\n'
        f'[process]\nstate_dir = "{tmp_path}"\ninstance = "one"\n'
    )
    directory = tmp_path / "one"
    make(directory)
    async with listening(directory, Process()):
        (directory / NAME).chmod(0)
        done = await asyncio.to_thread(
            subprocess.run,
            [CLAIMX, "status", "-c", config],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            preexec_fn=bind_to_permissions,
        )
    assert done.returncode == 1
    assert "as the user that claimx runs as" in done.stderr
