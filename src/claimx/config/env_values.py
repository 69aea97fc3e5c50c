"""The values that CLAIMX_<SECTION>__<KEY> variables set.

* ``CLAIMX_KAFKA__TOPICS__EVENTS_RAW``: any key, nested with ``__``; a list as JSON or comma separated.
* ``CLAIMX_API__TOKEN_FILE``: for any secret, the file that holds it.
* ``CLAIMX_KAFKA__CLIENT__SOCKET_TIMEOUT_MS``: ``kafka.client`` entry ``socket.timeout.ms`` (``_`` stands for ``.``).
* ``CLAIMX_LAKE__STORAGE__AWS_REGION``: ``lake.storage`` entry ``aws_region``.
"""

import re
from collections.abc import Collection, Iterator, Mapping

from claimx.config.entries import Entry, Found
from claimx.config.leaves import LEAVES, MAPS, PREFIX
from claimx.config.problems import Problem, did_you_mean

_OURS = frozenset({"CLAIMX_CONFIG", "CLAIMX_DEBUG"})
# Kubernetes sets these in every pod for a Service whose name begins with "claimx"; none has "__" in it
_KUBERNETES = re.compile(
    r"CLAIMX(_[A-Z0-9]+)*_(SERVICE_(HOST|PORT(_[A-Z0-9]+)*)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
_KEYS = {leaf.variable: leaf for leaf in LEAVES.values()}
_SECRET_FILES = {f"{leaf.variable}_FILE": leaf for leaf in LEAVES.values() if leaf.kind == "secret"}
_SEPARATORS = {"kafka.client": "."}


def env_values(environ: Mapping[str, str], referenced: Collection[str]) -> Iterator[Found]:
    """Every value that the environment sets; a CLAIMX_ variable that means nothing is a problem.

    Args:
        environ: all variables.
        referenced: names that ``{ env = "NAME" }`` uses: these are no keys.
    """
    for name in sorted(environ):
        if name.startswith(PREFIX) and not _is_foreign(name, referenced):
            yield _value(name, environ)


def _is_foreign(name: str, referenced: Collection[str]) -> bool:
    return name in _OURS or name in referenced or _KUBERNETES.fullmatch(name) is not None


def _value(name: str, environ: Mapping[str, str]) -> Found:
    origin = f"env {name}"
    if (leaf := _SECRET_FILES.get(name)) is not None:
        if leaf.variable in environ:
            return Problem(origin, leaf.path, f"{leaf.variable} is set as well", "set only one of the two")
        return leaf.path, Entry({"file": environ[name]}, origin)
    if (leaf := _KEYS.get(name)) is not None and leaf.kind != "map":
        return leaf.path, Entry(environ[name], origin, is_text=True)
    for leaf in MAPS:
        if name.startswith(f"{leaf.variable}__") and (key := _map_key(name, leaf.path, leaf.variable)):
            return f"{leaf.path}.{key}", Entry(environ[name], origin, is_text=True)
    return Problem(origin, "", "unknown variable", _hint(name))


def _map_key(name: str, path: str, variable: str) -> str:
    return name.removeprefix(f"{variable}__").lower().replace("_", _SEPARATORS.get(path, "_"))


def _hint(name: str) -> str:
    for leaf in MAPS:
        if name == leaf.variable:
            return f"name one entry: {name}__<KEY>"
    known = [leaf.variable for leaf in LEAVES.values() if leaf.kind != "map"]
    return (
        did_you_mean(name, [*known, *_SECRET_FILES]) or "every key of claimx.toml is CLAIMX_<SECTION>__<KEY>"
    )
