"""What a code (``errors.py``) is counted as, in closed sets."""

OTHER = "other"
AREAS = (
    *(
        "api",
        "bug",
        "claim",
        "delay",
        "event",
        "file",
        "kafka",
        "lake",
        "letter",
        "media",
        "project",
        "result",
    ),
    *("retry", "spool", "store", "task", "url", "video", OTHER),
)
"""What a code begins with: its class."""

STATUSES = ("2xx", "3xx", "401", "404", "429", "4xx", "5xx", "unreadable", "none", OTHER)
"""How the API answers: ``unreadable`` is a 200 that cannot be used, ``none`` no answer at all."""

_STATUS = {
    "api.401": "401",
    "api.429": "429",
    "api.5xx": "5xx",
    "api.4xx": "4xx",
    "api.redirect": "3xx",
    **dict.fromkeys(("api.timeout", "api.connect", "api.broken"), "none"),
    **dict.fromkeys(("api.html", "api.not_json", "api.too_large", "api.encoding"), "unreadable"),
}


def area_of(code: str) -> str:
    """The class of a code."""
    area = code.partition(".")[0]
    return area if area in AREAS else OTHER


def status_of(code: str) -> str:
    """How the API answered a request that ended with this code."""
    return _STATUS.get(code) or ("4xx" if code.startswith("api.4") else OTHER)
