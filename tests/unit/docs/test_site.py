"""The pages as a site: built without a warning, each of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.unit.docs.pages import PAGES, REPOSITORY


def test_the_site_is_built_without_a_warning() -> None:
    program = Path(sys.executable).parent / "zensical"
    done = subprocess.run(
        [program, "build", "--strict"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    assert (done.returncode, "No issues found" in said) == (0, True), said
    site, docs = REPOSITORY / ".cache" / "site", REPOSITORY / "docs"
    pages = [page.relative_to(docs).with_suffix(".html") for page in PAGES if page.is_relative_to(docs)]
    assert [page for page in pages if not (site / page).exists()] == []
