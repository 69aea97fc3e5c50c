"""``python -m claimx.sandbox.simulator``: run until told to end."""

import argparse
import asyncio
import threading

from claimx.sandbox.child import announce, ending
from claimx.sandbox.simulator.faults import API, MODERATE, Faults, Rule
from claimx.sandbox.simulator.server import Simulator
from claimx.sandbox.simulator.world import World


async def serve(options: argparse.Namespace, end: threading.Event) -> None:
    """Serve until ``end``."""
    rules = list(MODERATE) if options.faults else []
    if options.latency_ms:
        rules.append(Rule("latency", at=API, seconds=options.latency_ms / 1000))
    faults = Faults(options.seed, rules)
    async with Simulator(World(options.seed), faults, options.token) as simulator:
        announce(
            base_url=simulator.base_url,
            control_url=simulator.file_base,
            object_base=simulator.object_base,
        )
        await asyncio.to_thread(end.wait)


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(prog="claimx.sandbox.simulator")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--token", required=True, help="what Authorization: Basic must carry")
    parser.add_argument("--faults", action="store_true", help="begin with a moderate set of faults")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="of every answer of the API")
    options = parser.parse_args()
    asyncio.run(serve(options, ending()))


if __name__ == "__main__":
    main()
