"""The tree of everything that claimx raises. Imports nothing.

```
ClaimxError
├── ConfigError                        start-up only; exit code 78
├── ItemError(code, detail)            one item's fate, never the daemon's
│   ├── TransientError                 try again: two quick tries, then the delay queue
│   │   ├── ThrottledError(retry_after_s)
│   │   └── DependencyDownError        the circuit's probe failed: wait, at no cost to the item
│   ├── AuthError                      the dependency refuses our credential
│   ├── ExpiredUrlError                the URL may be stale: ask the API for a fresh one
│   ├── NotFoundError                  not there (yet): asked again until visibility_s
│   └── PermanentError                 dead letter at once
│       └── PoisonError                a record that is not an event
├── LakeError                          a commit failed, or nobody knows: open again and redo
├── RowsRejectedError                  a row of this batch can never be written: bisect
└── EngineError                        a promise cannot be kept: drain and exit non-zero
    ├── OffsetOutOfRangeError          the committed offset is not in the log any more
    └── SchemaDriftError               a table in the lake does not fit the declared columns
```

The class decides the fate; ``code`` (``api.5xx``, ``media.not_found``) is a stable label for metrics, dead letters
and the event log; ``detail`` is for people and must hold no secret and no signed URL.
"""


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


class NotFoundError(ItemError):
    """The API does not know the thing, or does not show it yet."""


class PermanentError(ItemError):
    """No retry can help."""


class PoisonError(PermanentError):
    """A record that cannot be read as an event."""


class LakeError(ClaimxError):
    """A lake commit failed, or may have landed all the same: open the table again and redo it."""


class RowsRejectedError(ClaimxError):
    """At least one row of the batch can never be written, whatever the state of the lake."""


class EngineError(ClaimxError):
    """A promise cannot be kept: the process drains and exits non-zero."""


class OffsetOutOfRangeError(EngineError):
    """The committed offset has left the log. Nothing is skipped in silence: a person decides where to go on."""


class SchemaDriftError(EngineError):
    """A table in the lake does not fit the declared columns. The text is a readable diff."""
