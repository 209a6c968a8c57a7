"""How many requests went to which server and what came of them, since this process began.

Connections count here and know nothing of who reads: /metrics does. One tally for the process, since
that is what a scrape is about, however many connections come and go meanwhile.
"""

from __future__ import annotations

import threading
from collections import Counter

NO_ANSWER = "none"

_guard = threading.Lock()
_tally: Counter[tuple[str, str, str]] = Counter()


def count(target: str, op: str, result: int | str) -> None:
    """One request to the connection `target`: what was asked, and the code answered or `NO_ANSWER`."""
    with _guard:
        _tally[target, op, str(result)] += 1


def counted() -> dict[tuple[str, str, str], int]:
    """(connection, operation, result) → requests, as of now."""
    with _guard:
        return dict(_tally)
