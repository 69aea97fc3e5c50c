"""The stages by name, in the order of the flow, and which of their edges are topics."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

FLOW = ("ingest", "enrich", "download", "upload")
STAGES = (*FLOW, "results")
_PORT = 8080
_PORTS = {"enrich": 8081, "download": 8082, "upload": 8083, "ingest": 8084, "results": 8085}
"""Of a stage that runs alone, so that a process of each fits on one host."""


class Roles(NamedTuple):
    """What one process runs.

    Args:
        stages: those that run here.
        forced: stages that are reached through their topic even where the stage before runs here.
    """

    stages: frozenset[str]
    forced: frozenset[str]

    def is_local(self, stage: str) -> bool:
        """Whether work reaches a stage in memory."""
        return stage in self.stages and stage not in self.forced

    @property
    def shares_spool(self) -> bool:
        """Whether files go from download to upload through a directory that other processes see."""
        return not self.stages.isdisjoint({"download", "upload"}) and not (
            "download" in self.stages and self.is_local("upload")
        )


def health_port(stages: Collection[str]) -> int:
    """Where a process of these stages answers probes, if nobody says otherwise."""
    alone = next(iter(stages)) if len(stages) == 1 else ""
    return _PORTS.get(alone, _PORT)


def roles_of(stages: Collection[str], edges: Mapping[str, str]) -> Roles:
    """Make the roles of a process from the stages that it runs and the settings of the edges."""
    return Roles(frozenset(stages), frozenset(name for name, edge in edges.items() if edge == "topic"))
