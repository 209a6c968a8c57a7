"""deploy/systemd/install, into a folder: what lies where, with which rights, and what is left alone."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[3] / "deploy" / "systemd"
UNIT = (SYSTEMD / "syncd.service").read_text()


def install(root: Path, *words: str, umask: int = 0o022) -> str:
    command = [SYSTEMD / "install", "--root", root, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, umask=umask)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    install(tmp_path / "root", "--files-only")
    return tmp_path / "root"


def command_beside(folder: Path) -> Path:
    """The command, as `syncd` in a folder for PATH, with the program of these tests for that of /opt."""
    command = folder / "syncd"
    text = (SYSTEMD / "syncd-command").read_text()
    command.write_text(text.replace("/opt/syncd/bin/syncd", str(Path(sys.executable).with_name("syncd"))))
    command.chmod(0o755)
    return command


def as_anybody(folder: Path) -> dict[str, str]:
    """The environment of somebody who is not root, with `folder` first in PATH."""
    (folder / "id").write_text("#!/bin/sh\necho 1000\n")
    (folder / "id").chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}/usr/bin:/bin"}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_account_of_the_unit_is_made_without_a_shell(root: Path) -> None:
    (line,) = (one for one in (root / "etc/passwd").read_text().splitlines() if one.startswith("syncd:"))
    *_, home, shell = line.split(":")
    assert (home, shell) == ("/var/lib/syncd", "/usr/sbin/nologin")
    assert "User=syncd\n" in UNIT


def test_secrets_are_roots_alone_and_settings_no_strangers(root: Path) -> None:
    assert mode(root / "etc/syncd/secrets") == 0o700
    assert mode(root / "etc/syncd") == 0o750


def test_what_the_unit_names_is_where_it_says(root: Path) -> None:
    assert (root / "etc/systemd/system/syncd.service").read_text() == UNIT
    for line in UNIT.splitlines():
        if line.startswith("LoadCredential="):
            assert (root / line.partition(":")[2].lstrip("/")).parent.is_dir()
    assert "/opt/syncd/bin/syncd daemon" in UNIT
    assert (root / "usr/share/doc/syncd/en/operate.md").exists()


def test_man_pages_and_completion_are_where_shells_and_man_look(root: Path) -> None:
    share = root / "usr/local/share"
    for name in ("man/man1/syncd.1", "man/fr/man1/syncd.1", "bash-completion/completions/syncd",
                 "zsh/site-functions/_syncd", "fish/vendor_completions.d/syncd.fish"):  # fmt: skip
        assert (share / name).stat().st_size > 0


def test_installed_again_it_leaves_settings_alone(root: Path) -> None:
    (root / "etc/syncd/syncd.yaml").write_text("environment: mine\n")
    (root / "etc/syncd/secrets/kc-secret").write_text("s")
    assert "syncd db upgrade" in install(root, "--files-only")
    assert (root / "etc/syncd/syncd.yaml").read_text() == "environment: mine\n"
    assert (root / "etc/syncd/secrets/kc-secret").read_text() == "s"


def test_an_option_that_does_not_exist_is_met_with_those_that_do(tmp_path: Path) -> None:
    done = subprocess.run([SYSTEMD / "install", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert "--files-only" in done.stderr


@pytest.mark.full
def test_the_program_is_installed_and_runs_whatever_root_shows_others(tmp_path: Path) -> None:
    assert "/opt/syncd (syncd 0" in install(tmp_path / "root", umask=0o077)
    program = tmp_path / "root/opt/syncd"
    found = [path for path in (program, *program.rglob("*")) if not path.is_symlink()]
    assert all(mode(path) & 0o004 for path in found)
    assert all(mode(path) & 0o001 for path in found if path.is_dir())


def test_the_command_runs_as_the_daemon_does_with_its_credentials(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("kc-secret", "syncd.key"):
        (secrets / name).write_text("s")
    for name, text in {"systemd-run": 'printf "%s\\n" "$@"', "id": "echo 0"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", SYSTEMD / "syncd-command", "plan", "acme", "--only", "/a b"],
        env={"PATH": f"{tmp_path}{os.pathsep}/usr/bin:/bin", "SYNCD_SECRETS": str(secrets), "LANG": "fr_FR"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = done.stdout.splitlines()
    assert words[-5:] == ["/opt/syncd/bin/syncd", "plan", "acme", "--only", "/a b"]
    assert f"--property=LoadCredential=kc-secret:{secrets}/kc-secret" in words
    assert f"--property=LoadCredential=syncd.key:{secrets}/syncd.key" in words
    assert {"--uid=syncd", "--pipe", "--setenv=LANG=fr_FR"} <= set(words)


def test_the_command_is_for_root(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", SYSTEMD / "syncd-command", "status"],
        env=as_anybody(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 64
    assert "sudo syncd status" in done.stderr


@pytest.mark.parametrize(
    ("shell_wants", "words", "offered"),
    [("bash_complete", "syncd plans app", "plain,approve"), ("zsh_complete", "syncd db upg", "upgrade")],
)
def test_completion_goes_past_the_command_to_the_program_as_whoever_types(
    tmp_path: Path, shell_wants: str, words: str, offered: str
) -> None:
    done = subprocess.run(
        ["/bin/sh", command_beside(tmp_path)],
        env=as_anybody(tmp_path) | {"_SYNCD_COMPLETE": shell_wants, "COMP_WORDS": words, "COMP_CWORD": "2"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert offered in done.stdout.splitlines()
    assert done.stderr == ""


def test_bash_completes_the_command_as_it_is_installed(root: Path, tmp_path: Path) -> None:
    command_beside(tmp_path)
    script = root / "usr/local/share/bash-completion/completions/syncd"
    typed = 'COMP_WORDS=(syncd sch); COMP_CWORD=1; _syncd_completion syncd; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "--norc", "-c", f'source "$0"; {typed}', script],
        env=as_anybody(tmp_path), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["schema", "schedule"]


def test_no_value_of_the_variable_of_completion_lets_a_command_run_past_the_account(tmp_path: Path) -> None:
    for value in ("yes", "bash_", "bash_run", "bash_source", "bash_complete"):
        done = subprocess.run(
            ["/bin/sh", command_beside(tmp_path), "init", tmp_path / "made"],
            env=as_anybody(tmp_path) | {"_SYNCD_COMPLETE": value, "COMP_WORDS": "syncd", "COMP_CWORD": "1"},
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1)
        assert not (tmp_path / "made").exists()
