"""The tree of everything that claimx raises. Imports nothing of claimx.

```
ClaimxError
├── ConfigError                        start-up only; exit code 78
├── ItemError(code, detail)            one item's fate, never the daemon's
│   ├── TransientError                 try again: two quick tries, then the delay queue
│   │   ├── ThrottledError(retry_after_s)
│   │   ├── KafkaGoneError             no broker answers in time
│   │   └── DependencyDownError        the circuit's probe failed: wait, at no cost to the item
│   ├── AuthError                      the dependency refuses our credential
│   │   └── KafkaRefusedError(hint)    Kafka refuses our login or a right, or is not who it should be
│   ├── ExpiredUrlError                the URL may be stale: ask the API for a fresh one
│   ├── SpoolLostError                 the spool file is gone: back to the download, at no cost
│   ├── NotFoundError                  not there (yet): asked again until visibility_s
│   └── PermanentError                 dead letter at once
│       └── PoisonError                a record that is not an event
├── OperationError(hint)               an operator's command cannot do what it was asked for
├── LakeError                          a commit failed, or nobody knows: open again and redo
│   └── LakeConflictError              another writer was faster: the same, and counted apart
├── RowsRejectedError                  a row of this batch can never be written: bisect
└── EngineError                        a promise cannot be kept: drain and exit non-zero
    ├── OffsetOutOfRangeError          the committed offset is not in the log any more
    ├── TopicsAbsentError                topics that are needed are not there
    ├── TablesAbsentError              tables are definitely not there, and a run makes none
    ├── DelayFileError(hint)           the delay queue's file is not what it was left as
    └── SchemaDriftError               a table in the lake does not fit the declared columns
```

The class decides the fate; ``code`` (``api.5xx``, ``media.not_found``) is a stable label for metrics, dead letters
and the event log; ``detail`` is for people and must hold no secret and no signed URL.
"""

from collections.abc import Iterable, Mapping


class ClaimxError(Exception):
    """Root of the tree."""


class ConfigError(ClaimxError):
    """The configuration cannot be used. The text lists every problem with file, line and a hint."""


class ItemError(ClaimxError):
    """What becomes of one item.

    Args:
        code: stable label, ``<area>.<reason>``.
        detail: for people; no secret, no signed URL.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class TransientError(ItemError):
    """Trying again may help."""


class ThrottledError(TransientError):
    """The dependency asks for patience of ``retry_after_s`` seconds."""

    def __init__(self, code: str, detail: str = "", *, retry_after_s: float = 0.0) -> None:
        super().__init__(code, detail)
        self.retry_after_s = retry_after_s


class DependencyDownError(TransientError):
    """The probe of an open circuit failed; the next one comes after ``retry_after_s`` seconds."""

    def __init__(self, code: str, detail: str = "", *, retry_after_s: float) -> None:
        super().__init__(code, detail)
        self.retry_after_s = retry_after_s


class AuthError(ItemError):
    """The dependency refuses our credential."""


class ExpiredUrlError(ItemError):
    """The URL is expired, or may be: 401, 403, 404, 410 from a file host, or HTML where a file was expected."""


class SpoolLostError(ItemError):
    """The spool file of a downloaded file is gone: it is downloaded again."""


class KafkaGoneError(TransientError):
    """No broker answers in time.

    Args:
        detail: who did not, and what librdkafka says of it.
    """

    hint = "is it up, is kafka.bootstrap_servers right, does kafka.security_protocol fit that port?"

    def __init__(self, detail: str) -> None:
        super().__init__("kafka.unreachable", detail)


class KafkaRefusedError(AuthError):
    """Kafka refuses our login or a right that we need, or is not who it should be.

    Args:
        detail: who refuses what.
        hint: what to look at.
    """

    def __init__(self, detail: str, hint: str) -> None:
        super().__init__("kafka.refused", detail)
        self.hint = hint


class NotFoundError(ItemError):
    """The API does not know the thing, or does not show it yet."""


class PermanentError(ItemError):
    """No retry can help."""


class PoisonError(PermanentError):
    """A record that cannot be read as an event."""


class OperationError(ClaimxError):
    """An operator's command cannot do what it was asked for.

    Args:
        message: what stands in the way.
        hint: the next thing to do.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class LakeError(ClaimxError):
    """A lake commit failed, or may have landed all the same: open the table again and redo it."""

    hint = "is lake.tables_url right, is its store up, may this user read and write there? claimx tables status tells"


class LakeConflictError(LakeError):
    """The log does not take the commit, for another writer's came between: open the table again and redo it."""


class RowsRejectedError(ClaimxError):
    """At least one row of the batch can never be written, whatever the state of the lake."""


class EngineError(ClaimxError):
    """A promise cannot be kept: the process drains and exits non-zero."""


class OffsetOutOfRangeError(EngineError):
    """The committed offset has left the log. Nothing is skipped in silence: a person decides where to go on."""

    hint = (
        "claimx offsets show tells how much is gone; claimx offsets set --stage STAGE --topic TOPIC --to earliest goes on with what"
        " is left, and claimx verify tells what is missing"
    )


class TopicsAbsentError(EngineError):
    """Topics that are needed are not there."""

    hint = "claimx topics init makes them; or correct [kafka.topics]"


class TablesAbsentError(EngineError):
    """Tables are definitely not there. A run makes none: a wrong ``tables_url`` would begin an empty lake in silence."""

    hint = "claimx tables init makes them"


class DelayFileError(EngineError):
    """The delay queue's file cannot be used as it is; it is never taken for an empty queue.

    Args:
        message: what is wrong with it.
        hint: what to do about it.
    """

    def __init__(
        self,
        message: str,
        hint: str = "to begin an empty one, move it away with its -wal and -shm; what was parked in it stands as parked "
        "in claimx_event_log: claimx verify tells what is missing, claimx reenrich does it again",
    ) -> None:
        super().__init__(message)
        self.hint = hint


class SchemaDriftError(EngineError):
    """A table in the lake does not fit the declared columns. The text is a readable diff."""

    hint = "claimx tables status shows every table; claimx changes no column that is there"

    @classmethod
    def of(cls, drift: Mapping[str, Iterable[str]]) -> "SchemaDriftError":
        """Make the error of a diff: lines by table."""
        lines = (
            line
            for table, differences in drift.items()
            for line in (f"{table} does not fit its declaration:", *(f"  {each}" for each in differences))
        )
        return cls("\n".join(lines))
