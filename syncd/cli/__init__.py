"""The command `syncd`: parse, call the application, print; exit codes are those of `syncd.errors`.

0 done or clean · 1 failed or partial · 2 changes pending (`plan --detailed-exitcode`) · 3 refused by a
limit or a missing approval · 4 server unreachable or login refused · 64 usage · 65 input invalid ·
75 busy · 130 interrupted.
"""

from syncd.cli.root import root
from syncd.collector import collect_seldom


def main() -> None:
    """Run the command line; the console script."""
    collect_seldom()
    root.main(prog_name="syncd")


__all__ = ["main", "root"]
