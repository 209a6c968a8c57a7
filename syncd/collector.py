"""How often Python looks for cycles among the objects of this process.

A run makes hundreds of thousands of objects that all stay until it ends. With Python's own threshold the
collector would look through them again for every few hundred new ones and find nothing, which takes a third
of the processor time of a run over 20,000 memberships. What looks seldom lets garbage pile up, so a daemon
looks once after each run as well.
"""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 10, 10)
"""New objects before the youngest are looked through, and how many such rounds before the older ones."""


def collect_seldom() -> None:
    """From now on, in the whole process."""
    gc.set_threshold(*THRESHOLDS)


def collect_now() -> None:
    """Look once through everything. A look at the young alone would put off the older ones for ever."""
    gc.collect()
