"""``claimx dlq export``: dead letters as JSON lines, with every byte of key, value and headers."""

import base64
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from claimx.errors import OperationError
from claimx.ops.dlq import Found
from claimx.ops.dlq_view import LetterView, view


class ExportLine(LetterView, frozen=True, kw_only=True, tag_field="schema", tag="claimx.dlq.export/1"):
    """One letter, so that its record can be made again.

    Args:
        kafka_timestamp: milliseconds.
        headers: name and text, or name and ``{"base64": ...}`` where it is not UTF-8; so are key and value.
    """

    kafka_timestamp: int
    key: str | dict[str, str] | None
    value: str | dict[str, str] | None
    headers: list[tuple[str, str | dict[str, str] | None]]


def export_line(found: Found) -> bytes:
    """One line, without its end."""
    record = found.letter.record
    line = ExportLine(
        **msgspec.structs.asdict(view(found)),
        kafka_timestamp=record.timestamp // 1000,
        key=_exact(record.key),
        value=_exact(record.value),
        headers=[(name, _exact(content)) for name, content in record.headers],
    )
    return msgspec.json.encode(line)


def export_to(path: Path, found: Iterable[Found]) -> int:
    """Write letters to a new file, durably; return how many.

    Raises:
        OperationError: the file is there already, or cannot be written.
    """
    if path.exists():
        raise OperationError(f"{path} exists", "name another file: an export overwrites nothing")
    part = path.with_name(path.name + ".part")
    count = 0
    try:
        with part.open("wb") as file:
            for each in found:
                file.write(export_line(each) + b"\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise OperationError(f"{path}: {error.strerror}", "name a file that can be written") from error
    return count


def _exact(content: bytes | None) -> str | dict[str, str] | None:
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
