"""How often somebody may ask: buckets that fill with time, one for each client and one for all."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_CLIENTS = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `burst` requests at once, and `per_second` in the long run."""

    burst: int
    per_second: float


EACH = Rate(20, 0.5)
ALL = Rate(400, 50)


class Turnstile:
    """Lets requests through at the rates; clients not seen for longest are forgotten first."""

    def __init__(
        self, each: Rate = EACH, all_: Rate = ALL, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._each, self._all = each, all_
        self._clock = clock
        self._guard = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client → (tokens, when)
        self._whole = (float(all_.burst), clock())

    def lets(self, client: str) -> bool:
        """Whether one more request of the client may pass now; it counts if it may."""
        with self._guard:
            now = self._clock()
            whole = _filled(self._whole, self._all, now)
            own = _filled(self._buckets.get(client, (float(self._each.burst), now)), self._each, now)
            passes = whole >= 1 and own >= 1
            self._whole = (whole - passes, now)
            self._buckets[client] = (own - passes, now)
            self._buckets.move_to_end(client)
            if len(self._buckets) > MOST_CLIENTS:
                self._buckets.popitem(last=False)
            return passes


def _filled(bucket: tuple[float, float], rate: Rate, now: float) -> float:
    tokens, then = bucket
    return min(float(rate.burst), tokens + (now - then) * rate.per_second)
