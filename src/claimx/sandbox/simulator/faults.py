"""What can go wrong at the simulated API and file hosts, as rules that are switched at run time. Pure.

A rule strikes by id, by rate, or both. By rate the draw is made from the seed, the thing asked for and how often it was
asked for, so that a run fails in the same places whatever the order of its requests.

To add a fault: name it in ``Kind``, and perform it in ``gate.py`` or where the answer is made.
"""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from claimx.domain.times import SECOND, Micros

Kind = Literal[
    "status",  # answer with `status`, and Retry-After where `seconds` is set
    "limit",  # 429 beyond `per_second` requests in one second, with Retry-After 1
    "latency",  # wait for `seconds`, or for a draw between `seconds` and `up_to`, then go on
    "hang",  # no answer for `seconds`, then the connection is closed
    "reset",  # the connection is reset before an answer
    "html",  # 200 and an HTML page
    "login",  # 302 to the log-in page
    "disguised",  # an HTML page with the name, status and Content-Type of the file that was asked for
    "half",  # a complete answer that holds the first half of the body
    "truncated",  # the whole length promised, half of it sent, then the connection is closed
    "length_short",  # half of the length promised, all of the body sent
    "length_long",  # twice the length promised, all of the body sent, then the connection is closed
    "stall",  # half of the body, then nothing for `seconds`, then the connection is closed
    "empty",  # 200, length 0
    "no_length",  # the body without a Content-Length
    "large",  # a file is `bytes` long, and comes piece by piece; `times` does not count
    "hidden",  # project, media, task or video not shown until `seconds` after it was first asked for
    "unfinished",  # a task is not filled in yet until `seconds` after it was first asked for
    "expired_link",  # the media list hands out links that are expired already
    "short_link",  # the media list hands out links that hold for `seconds`
    "needs_token",  # the file service wants the API's Basic token
]
Endpoint = Literal[
    "project", "media", "task", "report", "claim", "contacts", "conversations", "action", "file", "object"
]
API: tuple[Endpoint, ...] = (
    "project",
    "media",
    "task",
    "report",
    "claim",
    "contacts",
    "conversations",
    "action",
)
FILES: tuple[Endpoint, ...] = ("file", "object")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fault.

    Args:
        at: endpoints; none means all.
        rate: share of requests (``hidden``, ``unfinished``, ``large``: of things) that it strikes.
        ids: project, media, assignment or video ids that it strikes; none means all.
        times: it strikes one id at most so often.
    """

    kind: Kind
    at: tuple[Endpoint, ...] = ()
    rate: Annotated[float, Meta(ge=0, le=1)] = 1.0
    ids: tuple[str, ...] = ()
    times: Annotated[int, Meta(ge=1)] | None = None
    status: Annotated[int, Meta(ge=400, le=599)] = 503
    seconds: Annotated[float, Meta(ge=0, le=600)] = 0.0
    per_second: Annotated[int, Meta(ge=1)] = 10
    up_to: Annotated[float, Meta(ge=0, le=600)] = 0.0
    bytes: Annotated[int, Meta(ge=1)] = 500_000_000


MODERATE = (
    Rule("latency", rate=0.3, seconds=0.15),
    Rule("status", rate=0.02, status=503),
    Rule("status", at=API, rate=0.01, status=429, seconds=1),
    Rule("reset", rate=0.005),
    Rule("truncated", at=("object",), rate=0.03, times=1),
    Rule("expired_link", at=("media",), rate=0.02, times=1),
    Rule("hidden", at=("media",), rate=0.02, seconds=3),
    Rule("unfinished", at=("task",), rate=0.2, seconds=1),
)
"""What ``--faults`` turns on: enough of everything to be seen, and nothing that a pipeline may not survive."""


class Faults:
    """The rules in force, and what they remember.

    Args:
        seed: of the draws.
    """

    def __init__(self, seed: int, rules: Sequence[Rule] = ()) -> None:
        self._seed = seed
        self.rules: Sequence[Rule] = tuple(rules)
        self.struck: Counter[str] = Counter()
        self._asked: Counter[tuple[int, str]] = Counter()
        self._hits: Counter[tuple[int, str]] = Counter()
        self._seconds: dict[int, tuple[int, int]] = {}
        self._first_asked: dict[tuple[Kind, Endpoint, str], Micros] = {}

    def replace(self, rules: Sequence[Rule]) -> None:
        """Put other rules in force; what is being performed goes on to its end."""
        self.rules = tuple(rules)
        self._asked.clear()
        self._hits.clear()
        self._seconds.clear()
        self._first_asked.clear()

    def striking(self, kinds: frozenset[Kind], endpoint: Endpoint, ids: Sequence[str]) -> list[Rule]:
        """Draw which rules of these kinds strike a request about these ids; the first id is the one drawn for."""
        striking = [
            self._settled(number, rule, ids[0])
            for number, rule in enumerate(self.rules)
            if rule.kind in kinds and _concerns(rule, endpoint, ids) and self._draws(number, rule, ids[0])
        ]
        self.struck.update(rule.kind for rule in striking)
        return striking

    def large_bytes(self, identity: str) -> int | None:
        """How long a rule makes this file, or None."""
        for number, rule in enumerate(self.rules):
            is_meant = rule.kind == "large" and _concerns(rule, "object", (identity,))
            if is_meant and self._unit(f"{number}:{identity}") < rule.rate:
                self.struck["large"] += 1
                return rule.bytes
        return None

    def is_over_limit(self, endpoint: Endpoint, ids: Sequence[str], now: Micros) -> bool:
        """Count a request against the limits per second that strike it; one that a rate leaves out uses up nothing."""
        over = False
        for number, rule in enumerate(self.rules):
            is_meant = rule.kind == "limit" and _concerns(rule, endpoint, ids)
            if is_meant and self._draws(number, rule, ids[0]):
                second, used = self._seconds.get(number, (0, 0))
                used = used + 1 if second == now // SECOND else 1
                self._seconds[number] = (now // SECOND, used)
                over = over or used > rule.per_second
        self.struck.update({"limit": int(over)})
        return over

    def is_hidden(self, endpoint: Endpoint, identity: str, now: Micros, *, is_named: bool = True) -> bool:
        """Whether a thing is not shown yet.

        Args:
            is_named: some event names it. If none does, only a rule with its id hides it: nobody would ask again.
        """
        return self._is_early("hidden", endpoint, identity, now, is_named=is_named)

    def is_unfinished(self, assignment_id: str, now: Micros) -> bool:
        """Whether a task is not filled in yet."""
        return self._is_early("unfinished", "task", assignment_id, now)

    def _is_early(
        self, kind: Kind, endpoint: Endpoint, identity: str, now: Micros, *, is_named: bool = True
    ) -> bool:
        for number, rule in enumerate(self.rules):
            if rule.kind != kind or not _concerns(rule, endpoint, (identity,)):
                continue
            if not (is_named or rule.ids) or self._unit(f"{number}:{identity}") >= rule.rate:
                continue
            first = self._first_asked.setdefault((kind, endpoint, identity), now)
            if now - first < rule.seconds * SECOND:
                self.struck[kind] += 1
                return True
        return False

    def _draws(self, number: int, rule: Rule, identity: str) -> bool:
        asked, hits = self._asked[number, identity], self._hits[number, identity]
        self._asked[number, identity] += 1
        if rule.times is not None and hits >= rule.times:
            return False
        if self._unit(f"{number}:{identity}:{asked}") >= rule.rate:
            return False
        self._hits[number, identity] += 1
        return True

    def _settled(self, number: int, rule: Rule, identity: str) -> Rule:
        """Draw how long a latency of this time is."""
        if rule.up_to <= rule.seconds:
            return rule
        share = self._unit(f"{number}:{identity}:{self._asked[number, identity]}:wait")
        return msgspec.structs.replace(rule, seconds=rule.seconds + share * (rule.up_to - rule.seconds))

    def _unit(self, text: str) -> float:
        digest = sha256(f"{self._seed}:{text}".encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2.0**32


def _concerns(rule: Rule, endpoint: Endpoint, ids: Sequence[str]) -> bool:
    return (not rule.at or endpoint in rule.at) and (not rule.ids or not set(rule.ids).isdisjoint(ids))
