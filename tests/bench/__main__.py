"""`python -m tests.bench`: how long the parts of a run take that need no server, as ratios.

    python -m tests.bench                      20,000 memberships, all groups
    python -m tests.bench reading --rounds 10  one group, more rounds
    python -m tests.bench --json               for a machine that keeps the ratios
    python -m tests.bench servers --size M     whole runs on Keycloak and slapd, started for it (S or M)
    python -m tests.bench size                 whole runs of 300,000 memberships over servers in memory

The yardstick is PyYAML's C loader on the same files in the same process, and that of whole runs a script
with python-keycloak. The exit code says only whether it ran, and of whole runs whether they asked and wrote
as little as they should: a ratio is for people to judge, on a quiet machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from syncd.collector import collect_seldom
from tests.bench import planning, reading, servers, size, stores
from tests.bench.company import write_company
from tests.bench.measure import YARDSTICK, Figure

GROUPS = ("reading", "planning", "stores")
SERVERS = "servers"
SIZE = "size"
EVERYTHING = "all"
MEMBERSHIPS = 20_000


def main() -> int:
    """Measure what was asked for and print it."""
    collect_seldom()  # as every command does
    chosen = _arguments()
    if SERVERS in chosen.groups:
        with contextlib.redirect_stdout(sys.stderr):  # what syncd logs
            costs, faults = servers.measure(chosen.size)
        return _shown(chosen, servers.document(chosen.size, costs), servers.table(chosen.size, costs), faults)
    if SIZE in chosen.groups:
        with contextlib.redirect_stdout(sys.stderr):
            stages, faults = size.measure(
                chosen.memberships or size.MEMBERSHIPS, chosen.mappings, chosen.store,
                roots=chosen.roots, split=chosen.split,
            )  # fmt: skip
        return _shown(chosen, size.document(stages), size.table(stages), faults)
    groups = list(GROUPS) if EVERYTHING in chosen.groups else chosen.groups
    figures = _measured(groups, chosen.memberships or MEMBERSHIPS, chosen.rounds)
    document = {"yardstick": YARDSTICK, "figures": [{**asdict(one), "ratio": one.ratio} for one in figures]}
    sys.stdout.write((json.dumps(document, indent=2) if chosen.json else _table(figures)) + "\n")
    return 0


def _shown(
    chosen: argparse.Namespace, document: object, table: list[tuple[str, ...]], faults: list[str]
) -> int:
    """Print what whole runs cost, and what was too dear; the exit code."""
    sys.stdout.write((json.dumps(document, indent=2) if chosen.json else _columns(table)) + "\n")
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return int(bool(faults))


def _measured(groups: list[str], memberships: int, rounds: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as temporary:
        files = write_company(Path(temporary) / "bench", memberships)
        figures, yardstick, compiled = reading.measure(files, rounds)
        if "planning" in groups:
            figures += planning.measure(compiled, yardstick, rounds)
        if "stores" in groups:
            figures += stores.measure(Path(temporary), compiled, yardstick, rounds)
    return [one for one in figures if one.group in groups or one.name == YARDSTICK]


def _table(figures: list[Figure]) -> str:
    """Aligned columns; the ratio is to the yardstick."""
    rows: list[tuple[str, ...]] = [("group", "what", "facts", "cpu s", "wall s", "ratio", "aim")]
    for one in figures:
        aim = "" if one.aim is None else f"<= {one.aim:g}"
        rows.append(
            (
                one.group,
                one.name,
                f"{one.count:,}",
                f"{one.taken.cpu:.3f}",
                f"{one.taken.wall:.3f}",
                f"{one.ratio:.2f}",
                aim,
            )
        )
    return _columns(rows)


def _columns(rows: list[tuple[str, ...]]) -> str:
    """The first two columns to the left, figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "groups",
        nargs="*",
        choices=(*GROUPS, SERVERS, SIZE, EVERYTHING),
        default=EVERYTHING,
        help="what to measure",
    )
    parser.add_argument(
        "--size", choices=sorted(servers.SIZES), default="S", help="of what is on the servers"
    )
    parser.add_argument("--memberships", type=int, help="how large the company is")
    parser.add_argument(
        "--mappings", type=int, nargs="+", default=[1, 100], help="in how many mappings (size), in turn"
    )
    parser.add_argument("--roots", type=int, default=1, help="of how many root units each of them is (size)")
    parser.add_argument("--split", action="store_true", help="run root units apart (size)")
    parser.add_argument("--store", default="", help="an empty database instead of a SQLite file (size)")
    parser.add_argument("--rounds", type=int, default=5, help="the quickest of this many rounds counts")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
