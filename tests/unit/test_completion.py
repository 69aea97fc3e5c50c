"""Completion as a real bash does it: commands, options and words that are known, without a broker or a file."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CLAIMX = Path(sys.executable).parent / "claimx"
SCRIPT = """
source <(claimx completion bash)
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_claimx_completion claimx
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
CASES = [
    (("",), {"run", "sandbox", "doctor", "status", "config", "dlq", "offsets", "version"}),
    (("do",), {"doctor"}),
    (("config", ""), {"init", "check", "show", "schema"}),
    (("dlq", "pu"), {"purge"}),
    (("dlq", "list", "--st"), {"--stage"}),
    (("run", "--stages", "en"), {"enrich"}),
    (("run", "--stages", "ingest,u"), {"ingest,upload"}),
    (("offsets", "show", "--stage", ""), {"ingest", "enrich", "download", "upload", "results"}),
    (("doctor", "--only", "kafka,"), {"kafka,api", "kafka,limits", "kafka,state"}),
    (("doctor", "-o", "js"), {"json", "jsonl"}),
    (("config", "init", "--preset", ""), {"local", "eventhubs"}),
    (("completion", ""), {"bash", "zsh", "fish"}),
    (("dlq", "list", "--class", "Perm"), {"PermanentError"}),
    (("dlq", "list", "--topic", "claimx.down"), {"claimx.downloads.dlq"}),
    (("config", "explain", "retry"), {"retry", "retry.delays_s"}),
    (("status", "--set", "kafka.gr"), {"kafka.group_id="}),
]


def in_bash(script: str, folder: Path) -> list[str]:
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": f"{CLAIMX.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "wanted"), CASES, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_bash_completes(words: tuple[str, ...], wanted: set[str], tmp_path: Path) -> None:
    typed = " ".join(f"'{word}'" for word in ("claimx", *words))
    assert wanted <= set(in_bash(SCRIPT.format(words=typed), tmp_path))


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_what_begins_otherwise_is_left_out(tmp_path: Path) -> None:
    found = in_bash(SCRIPT.format(words="'claimx' 'doctor' '--only' 'kafka,a'"), tmp_path)
    assert found == ["kafka,api"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here")
def test_zsh_reads_its_script(tmp_path: Path) -> None:
    script = subprocess.run([CLAIMX, "completion", "zsh"], capture_output=True, text=True, check=True).stdout
    (tmp_path / "_claimx").write_text(script)
    subprocess.run(["zsh", "-n", str(tmp_path / "_claimx")], check=True, timeout=30)


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish here")
def test_fish_reads_its_script(tmp_path: Path) -> None:
    script = subprocess.run([CLAIMX, "completion", "fish"], capture_output=True, text=True, check=True).stdout
    (tmp_path / "claimx.fish").write_text(script)
    subprocess.run(["fish", "-n", str(tmp_path / "claimx.fish")], check=True, timeout=30)
