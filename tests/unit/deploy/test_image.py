"""The image and the wheel: linted, built from what the image's build may see, whole when installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
DOCKER = REPOSITORY / "deploy" / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
SHARED = (
    "man/man1/syncd.1",
    "man/fr/man1/syncd.1",
    "bash-completion/completions/syncd",
    "zsh/site-functions/_syncd",
    "fish/vendor_completions.d/syncd.fish",
    "syncd/theme/syncd/email/messages/messages_fr.properties",
    "syncd/monitoring/rules.yaml",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from what the Dockerfile copies and from nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for words in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE.partition("FROM build AS")[0], re.MULTILINE):
        *names, _target = words.split()
        for name in names:
            _copy(REPOSITORY / name, source / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps",
         "--no-build-isolation", "-w", folder, source],
        check=True,
    )  # fmt: skip
    (made,) = folder.glob("*.whl")
    return made


def _copy(here: Path, there: Path) -> None:
    there.parent.mkdir(parents=True, exist_ok=True)
    if here.is_dir():
        shutil.copytree(here, there, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    else:
        shutil.copy(here, there)


def test_hadolint_finds_no_fault_with_the_dockerfile() -> None:
    program = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([program, DOCKER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_asks_the_daemon_how_it_is_where_it_listens() -> None:
    assert "http://127.0.0.1:9464/healthz" in DOCKERFILE


def test_everything_that_is_not_python_is_in_the_wheel(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    ours = {
        str(file.relative_to(REPOSITORY))
        for file in (REPOSITORY / "syncd").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert sorted(ours - packed) == []
    data = {name.partition(".data/data/share/")[2] for name in packed if ".data/data/share/" in name}
    assert [name for name in SHARED if name not in data] == []


def test_no_test_and_no_secret_is_in_the_wheel(wheel: Path) -> None:
    packed = zipfile.ZipFile(wheel).namelist()
    assert [name for name in packed if name.startswith(("tests/", "deploy/")) or name.endswith(".key")] == []


def test_what_the_wheel_installs_speaks_french_and_makes_a_store(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "lib")
    (tmp_path / "key").write_text("k" * 44)
    (tmp_path / "syncd.yaml").write_text("environment: test\nintegrity_key: {file: key}\n")
    done = subprocess.run(
        [sys.executable, "-m", "syncd.cli", "--lang", "fr", "db", "upgrade"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "lib")}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "syncd.db").stat().st_size > 0
    shown = subprocess.run(
        [sys.executable, "-m", "syncd.cli", "--lang", "fr", "--help"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "lib")}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert "Maintenir Keycloak" in shown.stdout
