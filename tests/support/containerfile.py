"""A Containerfile without an engine: its steps, run in a directory that is made to look like the base image.

The host's system directories stand in for the base image's, this Python's installation for its /usr/local. RUN is done as
it is written, in a root of its own; what is mounted for it lives in a namespace that ends with the command.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SYSTEM = ("usr", "etc", "bin", "sbin", "lib", "lib64")
KEPT = re.compile(r"PIP_.*|(HTTPS?|NO|ALL)_PROXY|SSL_CERT_.*", flags=re.IGNORECASE)
"""How this host reaches its package index."""
BASE_PATH = "/usr/local/bin:/usr/bin:/bin"

ENTER = """
mount --bind "$ROOT" "$ROOT"
for name in $SYSTEM; do mount --rbind "/$name" "$ROOT/$name"; done
mount --bind "$PYTHON" "$ROOT/usr/local"
mount --bind "$PYTHON" "$ROOT$PYTHON"
mount --rbind /proc "$ROOT/proc"; mount --rbind /dev "$ROOT/dev"
for path in $READ_ONLY; do mount -o remount,ro,bind "$ROOT${path%/}"; done
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
for path in $VOLUMES; do mount --bind "$ROOT.volume" "$ROOT$path"; done
exec chroot "$ROOT" "$@"
"""


def can_enter() -> bool:
    """Whether this user may make a namespace of mounts and be others in it."""
    enough = os.geteuid() == 0 and shutil.which("unshare") and shutil.which("setpriv")
    return bool(enough) and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


def steps(text: str) -> list[tuple[str, str]]:
    """Instructions and what follows them, continued lines joined, comments gone."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\s*\\\n\s*", " ", lines)
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def environ(text: str) -> dict[str, str]:
    """What ENV sets in the last stage, less what builds on the base image's."""
    names = [name for name, _ in steps(text)]
    last = steps(text)[len(names) - names[::-1].index("FROM") :]
    pairs = [pair.partition("=") for name, rest in last if name == "ENV" for pair in shlex.split(rest)]
    return {name: value for name, _, value in pairs if "$" not in value}


@dataclass
class Stage:
    """What one FROM has come to.

    Args:
        root: its file system, less what is mounted.
    """

    root: Path
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": BASE_PATH})
    user: str = "0:0"
    workdir: str = "/"
    volumes: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)

    def enter(
        self, command: Sequence[str], *, read_only: Sequence[str] = (), volumes: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a command with this root as its own."""
        words = {
            "ROOT": str(self.root),
            "PYTHON": sys.base_prefix,
            "SYSTEM": " ".join(
                name for name in SYSTEM if Path("/", name).is_dir() and not Path("/", name).is_symlink()
            ),
            "READ_ONLY": " ".join(read_only),
            "VOLUMES": " ".join(volumes),
        }
        script = [f"{name}={shlex.quote(value)}" for name, value in words.items()]
        return subprocess.run(
            [
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-euc",
                "\n".join([*script, ENTER]),
                "sh",
                *command,
            ],
            env=os.environ | {"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )

    def shell(self, line: str) -> None:
        """RUN, as the superuser of the build."""
        kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
        done = self.enter(["env", "-i", *pairs(kept | self.environ), "/bin/sh", "-c", line])
        assert done.returncode == 0, (line, done.stdout[-1000:], done.stderr[-3000:])

    def run(self, *arguments: str, entry: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """What ``docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges`` would do.

        Args:
            entry: as by ``--entrypoint``.
        """
        uid, gid = self.user.split(":")
        locked = ["setpriv", "--reuid", uid, "--regid", gid, "--clear-groups", "--no-new-privs"]
        locked += ["--bounding-set", "-all", "--inh-caps", "-all"]
        inside = ["env", "-i", f"--chdir={self.workdir}", *pairs(self.environ)]
        return self.enter(
            [*locked, *inside, *(entry or self.entrypoint), *arguments],
            read_only=("/", "/usr", "/usr/local", "/etc"),
            volumes=self.volumes,
        )


def pairs(environ: Mapping[str, str]) -> list[str]:
    """As ``env`` takes them."""
    return [f"{name}={value}" for name, value in environ.items()]


class Build:
    """Runs every step of a Containerfile.

    Args:
        context: what COPY without ``--from`` takes from.
        place: the roots of its stages come to lie below it.
    """

    def __init__(self, text: str, context: Path, place: Path) -> None:
        self._context = context
        self._place = place
        self._stages: dict[str, Stage] = {}
        self.last = Stage(place)
        for name, rest in steps(text):
            getattr(self, f"_{name.lower()}", self._ignored)(rest)

    def _from(self, rest: str) -> None:
        name = rest.split(" AS ")[1] if " AS " in rest else "last"
        root = self._place / name
        for made in ("proc", "dev", "tmp", *SYSTEM):
            if Path("/", made).is_symlink():
                root.mkdir(exist_ok=True)
                (root / made).symlink_to(Path("/", made).readlink())
            else:
                (root / made).mkdir(parents=True)
        (root / sys.base_prefix.lstrip("/")).mkdir(parents=True, exist_ok=True)
        self.last = self._stages[name] = Stage(root)

    def _env(self, rest: str) -> None:
        for pair in shlex.split(rest):
            name, _, value = pair.partition("=")
            self.last.environ[name] = value.replace("$PATH", self.last.environ["PATH"])

    def _run(self, rest: str) -> None:
        self.last.shell(rest)

    def _copy(self, rest: str) -> None:
        words = rest.split()
        flags = dict(word[2:].split("=") for word in words if word.startswith("--"))
        *sources, target = [word for word in words if not word.startswith("--")]
        origin = self._stages[flags["from"]].root if "from" in flags else self._context
        for source in sources:
            _copied(
                origin / source.lstrip("/"), self.last.root / target.lstrip("/"), into=target.endswith("/")
            )
        if "chown" in flags:
            uid, gid = map(int, flags["chown"].split(":"))
            os.chown(self.last.root / target.lstrip("/"), uid, gid)

    def _user(self, rest: str) -> None:
        self.last.user = rest

    def _workdir(self, rest: str) -> None:
        self.last.workdir = rest

    def _volume(self, rest: str) -> None:
        """A volume begins with what the image has there: here nothing, and its owner."""
        volume, of = (
            self.last.root.with_name(f"{self.last.root.name}.volume"),
            self.last.root / rest.lstrip("/"),
        )
        shutil.copytree(of, volume)
        os.chown(volume, of.stat().st_uid, of.stat().st_gid)
        self.last.volumes.append(rest)

    def _entrypoint(self, rest: str) -> None:
        self.last.entrypoint = json.loads(rest)

    def _ignored(self, _: str) -> None:
        """LABEL, EXPOSE and their like change no file."""


def _copied(source: Path, target: Path, *, into: bool) -> None:
    target = target / source.name if into else target
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)
