"""``claimx status``."""

import asyncio
from collections.abc import Callable

from claimx.adapters.control_socket import ControlClient
from claimx.adapters.state_dir import instance_dir
from claimx.app.console import repeated
from claimx.config.load import Loaded
from claimx.config.options import Format
from claimx.ops.status import as_json, as_text, troubles
from claimx.ports.control import AskStatus, Status

FOUND_SOMETHING = 3


def tell(load: Callable[[], Loaded], every_s: float | None, output: Format) -> int:
    """Print the live numbers, once or again and again; 3: the process is degraded, 130: ended by Ctrl-C.

    Raises:
        TransientError: no process of this instance answers.
        OperationError: it may not be asked by this user.
    """
    process = load().settings.process
    client = ControlClient(instance_dir(process.state_dir, process.instance))

    async def show() -> tuple[str, int]:
        status = await client.ask(AskStatus(lag=True), Status)
        text = as_text(status) if output == "text" else as_json(status)
        return text, FOUND_SOMETHING if troubles(status) else 0

    return asyncio.run(repeated(show, every_s))
