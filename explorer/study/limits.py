"""How much one phone, one address and one visitor may: a lecture room may share one address."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from explorer.study.session_records import TooMany

FAST_PHONE = "answers sent too fast by one phone"
FAST_ADDRESS = "answers sent too fast from one address"
MANY_JOINING = "attempts to join from one address"
FULL = "attempts to join a full session"
NO_SUCH_TRIAL = "answers to no trial or option that there is"
REASONS = (FAST_PHONE, FAST_ADDRESS, MANY_JOINING, FULL, NO_SUCH_TRIAL)
"""What the lecturer is told of what was refused: counts of these."""

MOST_PARTICIPANTS = 2000
"""How many can join a class. Alone there is no such limit."""

_DAY_S = 24 * 3600.0
_MOST_KEYS = 10_000  # forgotten when they are full again


class Bucket:
    """A token bucket per key: `burst` at once, then `per_second`."""

    def __init__(
        self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}  # what was left, and when

    def take(self, key: str, count: int = 1) -> int:
        """Take so many, or as many as there are; how many were taken."""
        with self._lock:
            now = self._clock()
            if key not in self._left and len(self._left) >= _MOST_KEYS:
                self._forget_full(now)
            left = self._now(*self._left.get(key, (self._burst, now)), now)
            taken = min(count, int(left))
            self._left[key] = (left - taken, now)
            return taken

    def _now(self, left: float, then: float, now: float) -> float:
        return min(self._burst, left + (now - then) * self._per_second)

    def _forget_full(self, now: float) -> None:
        self._left = {
            key: (left, then)
            for key, (left, then) in self._left.items()
            if self._now(left, then, now) < self._burst
        }


@dataclass(frozen=True)
class Granted:
    """How many answers pass, and why the others do not."""

    count: int
    reason: str | None = None


class Limits:
    """The limits of one process. Addresses and visitors are known to its memory alone.

    A phone that answers by hand and re-sends a whole round after an hour without a network stays
    below its limit, and so does a room of 400 of them behind one address. What a single phone sends
    too fast does not use up its room's share.
    """

    def __init__(
        self, classes_a_day: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._classes_a_day = classes_a_day
        a_day = classes_a_day or 0
        self._opening = Bucket(burst=a_day, per_second=a_day / _DAY_S, clock=clock)
        self._phone = Bucket(burst=300, per_second=5, clock=clock)
        self._address = Bucket(burst=10_000, per_second=200, clock=clock)
        self._joining = Bucket(burst=600, per_second=2, clock=clock)

    def answers(self, participant: str, address: str, count: int) -> Granted:
        """How many of a participant's answers pass."""
        by_phone = self._phone.take(participant, count)
        granted = self._address.take(_network(address), by_phone)
        if granted < by_phone:
            return Granted(granted, FAST_ADDRESS)
        return Granted(granted, FAST_PHONE if granted < count else None)

    def check_opening(self, visitor: str | None) -> None:
        """Raise TooMany where a visitor has opened as many classes as one may in a day."""
        if self._classes_a_day is None or visitor is None or self._opening.take(visitor):
            return
        raise TooMany(
            "You have opened as many classes as one visitor may in a day here "
            f"({self._classes_a_day}, with further sets of images); try again later, or open a "
            "round of the same images."
        )

    def may_join(self, address: str) -> bool:
        """Whether one more may join from this address."""
        return self._joining.take(_network(address)) == 1


def _network(address: str) -> str:
    """An address as it is limited: of IPv6 the /64, which one household or host has to itself."""
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
