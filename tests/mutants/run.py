"""Apply each mutant to a copy of the tree and run the tests of the core: all must be caught.

    python tests/mutants/run.py [PART OF A NAME] [--shard K/N]

Prints one row for each mutant with the test that caught it; exit 1 where one survives or no longer fits.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutants.mutants import MUTANTS, Mutant  # noqa: E402  found only once the tree is on the path

LAWS = ["tests/unit/plan/test_laws.py"]
EXAMPLES = [
    f"tests/unit/plan/test_{name}.py"
    for name in ("table", "holds", "moves", "weigh", "units", "fleeting_groups")
]
LIMIT = 300  # seconds for one mutant


def main() -> int:
    """Run every mutant that the command line chooses; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", default="")
    parser.add_argument("--shard", default="1/1", help="every N-th mutant, from the K-th")
    arguments = parser.parse_args()
    number, shards = map(int, arguments.shard.split("/"))
    chosen = [mutant for mutant in MUTANTS if arguments.part in mutant.name][number - 1 :: shards]
    if not chosen and shards > 1:
        say("no mutant falls into this shard")
        return 0
    unfit = [
        mutant.name for mutant in chosen if (ROOT / mutant.file).read_text("utf-8").count(mutant.search) != 1
    ]
    if unfit:
        say("no longer stand exactly once in their file: " + "; ".join(unfit))
        return 1
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        rows = list(pool.map(tried, chosen))
    for mutant, (caught, seconds) in zip(chosen, rows, strict=True):
        say(f"{'caught' if caught else 'ALIVE':7} {seconds:5.1f} s  {mutant.name:52} {caught}")
    alive = [mutant.name for mutant, (caught, _) in zip(chosen, rows, strict=True) if not caught]
    say(f"{len(chosen) - len(alive)} of {len(chosen)} mutants caught")
    return 1 if alive or not chosen else 0


def say(line: str) -> None:
    """One line of the report."""
    sys.stdout.write(f"{line}\n")


def tried(mutant: Mutant) -> tuple[str, float]:
    """The test that catches the mutant, empty if none does, and the seconds it took."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        copied(tree)
        source = tree / mutant.file
        text = source.read_text(encoding="utf-8")
        source.write_text(text.replace(mutant.search, mutant.replace), encoding="utf-8")
        caught = failing(tree, LAWS if mutant.by == "laws" else EXAMPLES)
    return caught, time.monotonic() - started


def copied(tree: Path) -> None:
    """What the tests of the core need, at `tree`."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("syncd", "tests", "deploy"):
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tree)


def failing(tree: Path, files: list[str]) -> str:
    """The first test that fails, empty if all pass."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files]
    environment = {**os.environ, "SYNCD_LAW_SHRINK": "no", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    if done.returncode == 0:
        return ""
    found = re.search(r"^(?:FAILED|ERROR) \S+?::(\S+)", done.stdout, re.MULTILINE)
    if done.returncode != 1 or found is None:
        said = done.stdout[-2000:] + done.stderr[-2000:]
        raise SystemExit(f"pytest ended with {done.returncode}, which proves nothing:\n{said}")
    return found.group(1)


if __name__ == "__main__":
    sys.exit(main())
