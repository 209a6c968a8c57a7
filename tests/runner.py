"""tests/run: every check of this repository, in the order in which a failure is cheapest to see.

    tests/run                      style, types, layers, then unit, contract, live and system tests
    tests/run --fast               the same without any server: about a minute
    tests/run --full               also the tests marked `full` and the mutants
    tests/run --full --shard 3/40  every 40th of these, from the third: 40 such runs are a full one

Keycloak and PostgreSQL start while style and types are checked. The exit code is 0 only if everything passed;
a run without a single test has failed.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from shutil import which

from deploy.local import packages
from tests.run_servers import SHARD, SHARED, begin_run, end_run, shared

REPOSITORY = Path(__file__).resolve().parents[1]
MOST_SHARDS = 80
ENGINES = ("docker", "podman")
MUTANTS = REPOSITORY / "tests" / "mutants" / "run.py"

CHECKS = (
    ("Style", ("ruff", "check", ".")),
    ("Format", ("ruff", "format", "--check", ".")),
    ("Types of syncd", ("mypy",)),
    (
        "Types of the local servers",
        ("mypy", "--explicit-package-bases", "deploy", "tests/run_servers.py"),
    ),
    ("Layers", ("lint-imports",)),
)


def main() -> int:
    chosen = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("tests/run was asked to end"))
    os.chdir(REPOSITORY)
    os.environ["PATH"] = f"{REPOSITORY / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    if chosen.shard:
        os.environ[SHARD] = chosen.shard
    if chosen.fast:
        packages.ensure(packages.TOOLS)
        return _report(_static_checks() + _pytest("not live and not full"))
    return _with_servers(chosen)


def _with_servers(chosen: argparse.Namespace) -> int:
    packages.ensure(packages.TESTS)
    run = begin_run()
    try:
        started = _Servers()
        failed = _static_checks()
        failed += started.wait()
        if chosen.full:
            failed += _mutants(chosen.shard) + _image()
        return _report(failed + _pytest("live or not live" if chosen.full else "not full"))
    finally:
        end_run(run)


class _Servers:
    """The shared servers, starting side by side in the background."""

    def __init__(self) -> None:
        self._failures: list[str] = []
        self._threads = [threading.Thread(target=self._start, args=(name,)) for name in SHARED]
        for thread in self._threads:
            thread.start()

    def _start(self, name: str) -> None:
        begun = time.monotonic()
        try:
            server = shared(name)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is this step's failure)
            self._failures.append(name)
            _say(f"{name} did not start: {error}")
        else:
            _say(f"{name} is ready on {_without_password(server.url)} after {_since(begun)}")

    def wait(self) -> list[str]:
        """The names of the servers that did not start, once all have been tried."""
        for thread in self._threads:
            thread.join()
        return self._failures


def _static_checks() -> list[str]:
    return [name for name, command in CHECKS if not _step(name, *command)]


def _mutants(shard: str | None) -> list[str]:
    command = [sys.executable, str(MUTANTS), *(["--shard", shard] if shard else [])]
    return [] if _step("Mutants", *command) else ["Mutants"]


def _image() -> list[str]:
    """Build the images where there is an engine; where there is none, say that nobody did."""
    named = os.environ.get("ENGINE")
    engine = next(filter(_answers, [named] if named else ENGINES), None)
    if engine is None:
        _say("Images: not built, no container engine answers here; linted, and their wheel built, by tests")
        return []
    return [] if _step("Images", "env", f"ENGINE={engine}", "deploy/docker/build") else ["Images"]


def _answers(engine: str) -> bool:
    return bool(
        which(engine) and subprocess.run([engine, "info"], capture_output=True, check=False).returncode == 0
    )


def _pytest(marked: str) -> list[str]:
    # -v undoes the configured -q, so that pytest closes with its full summary line.
    command = (sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadfile", "-m", marked)
    return [] if _step("Tests", *command, quiet=False) else ["Tests"]


def _step(name: str, *command: str, quiet: bool = True) -> bool:
    """Run one check, saying what it is and how long it took; a quiet one shows its output if it failed."""
    _say(f"{name}: {' '.join(command)}")
    begun = time.monotonic()
    if not quiet:
        return subprocess.run(command, check=False).returncode == 0
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        _say(done.stdout.rstrip())
    _say(f"{name}: {'FAILED' if done.returncode else 'passed'} in {_since(begun)}")
    return done.returncode == 0


def _report(failed: list[str]) -> int:
    if failed:
        _say(f"tests/run failed: {', '.join(failed)}")
    return 1 if failed else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()  # in order with what the checks themselves write


def _since(begun: float) -> str:
    return f"{time.monotonic() - begun:.1f} s"


def _without_password(url: str) -> str:
    return re.sub(r":[^:/@]+@", ":…@", url)


def _arguments() -> argparse.Namespace:
    words = argparse.ArgumentParser(
        "tests/run", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    extent = words.add_mutually_exclusive_group()
    extent.add_argument("--fast", action="store_true", help="without servers")
    extent.add_argument("--full", action="store_true", help="with the tests marked `full` and the mutants")
    words.add_argument(
        "--shard", metavar="K/N", type=_shard, help=f"with --full: one of N ≤ {MOST_SHARDS} parts"
    )
    chosen = words.parse_args()
    if chosen.shard and not chosen.full:
        words.error("--shard goes with --full")
    return chosen


def _shard(text: str) -> str:
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]) <= MOST_SHARDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not K/N with 1 ≤ K ≤ N ≤ {MOST_SHARDS}")
    return text


if __name__ == "__main__":
    sys.exit(main())
