"""A pause for the collector of cycles: compiling and planning make a great many objects and no garbage.

Every few hundred new objects it would look through all of them again and find nothing, which costs as
much as the work itself.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def paused() -> Iterator[None]:
    """No collection inside; one that is paused already is left to whoever paused it (threads, nesting)."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
