"""What a shell may complete: words that are known without a broker, a file or a process. Called for each TAB only."""

from collections.abc import Callable, Iterable, Sequence

from claimx.config.options import DOCTOR_GROUPS
from claimx.domain.stage_names import FLOW, STAGES

Complete = Callable[[str], list[str]]


def _words(known: Sequence[str]) -> Complete:
    def complete(incomplete: str) -> list[str]:
        return _beginning_with(incomplete, known)

    return complete


def _comma_list(known: Sequence[str]) -> Complete:
    """The last word of the list, with what stands before it; none of it twice."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        rest = [word for word in known if word not in before.split(",")]
        return [f"{before}{comma}{word}" for word in _beginning_with(last, rest)]

    return complete


def settings(incomplete: str) -> list[str]:
    """``KEY=`` of ``--set``."""
    from claimx.config.leaves import LEAVES

    return _beginning_with(incomplete, [f"{leaf.path}=" for leaf in LEAVES.values() if leaf.kind != "map"])


def keys(incomplete: str) -> list[str]:
    """Keys of the settings, and their tables."""
    from claimx.config.leaves import LEAVES, TABLES

    return _beginning_with(incomplete, [name for name in (*TABLES, *LEAVES) if name])


def dead_letter_topics(incomplete: str) -> list[str]:
    """The topics of dead letters, as they are called if nobody calls them otherwise."""
    from claimx.config.tree import Topics

    return _beginning_with(incomplete, sorted(set(Topics().dead_letters.values())))


def error_classes(incomplete: str) -> list[str]:
    """The classes that an item can end with."""
    from claimx.errors import ItemError

    return _beginning_with(incomplete, sorted(each.__name__ for each in _below(ItemError)))


stage = _words(STAGES)
flow_stage = _words(FLOW)
stages = _comma_list(("all", *STAGES))
doctor_groups = _comma_list(DOCTOR_GROUPS)


def _below(kind: type[object]) -> Iterable[type[object]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def _beginning_with(incomplete: str, known: Iterable[str]) -> list[str]:
    return [word for word in known if word.startswith(incomplete)]
