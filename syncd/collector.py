"""How often Python looks for cycles among the objects of this process.

A run makes hundreds of thousands of objects that all stay until it ends. With Python's own thresholds the
collector would look through them again for every few hundred new ones and find nothing, which takes a third
of the processor time of a run over 20,000 memberships. Nothing looks by itself at the end of a run: a look
through everything takes longer than the run of a small mapping where a daemon keeps a hundred, and one at
the young alone puts off those that look at the old, for ever.
"""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 3, 3)
"""New objects before the youngest are looked through, and how many such rounds before the older ones."""


def collect_seldom() -> None:
    """From now on, in the whole process."""
    gc.set_threshold(*THRESHOLDS)
