"""Limits per phone and per address, with a clock of the tests' own."""

import pytest

from explorer.study.limits import FAST_ADDRESS, FAST_PHONE, Bucket, Granted, Limits
from explorer.study.session_records import TooMany


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_bucket_gives_its_burst_at_once_and_then_so_many_a_second():
    clock = Clock()
    bucket = Bucket(burst=10, per_second=2, clock=clock)
    assert [bucket.take("a", 6), bucket.take("a", 6), bucket.take("a")] == [6, 4, 0]
    clock.seconds = 1.4
    assert bucket.take("a", 9) == 2
    clock.seconds = 1000
    assert bucket.take("a", 99) == 10
    assert bucket.take("b", 99) == 10


def test_a_bucket_forgets_keys_that_are_full_again_and_no_others():
    clock = Clock()
    bucket = Bucket(burst=10, per_second=1, clock=clock)
    bucket.take("late", 10)
    for each in range(9_999):
        bucket.take(str(each))
    clock.seconds = 5
    bucket.take("one more")
    assert len(bucket._left) == 2
    assert bucket.take("late", 10) == 5


def test_a_class_of_400_that_sends_everything_at_once_behind_one_address_passes():
    limits = Limits(clock=Clock())
    for phone in range(400):
        assert limits.may_join("192.0.2.1")
        assert limits.answers(str(phone), "192.0.2.1", 24) == Granted(24)


def test_one_phones_flood_leaves_its_rooms_share_to_the_others():
    limits = Limits(clock=Clock())
    for _ in range(1000):
        limits.answers("bot", "192.0.2.1", 100)
    assert limits.answers("bot", "192.0.2.1", 1) == Granted(0, FAST_PHONE)
    assert limits.answers("other", "192.0.2.1", 24) == Granted(24)


def test_many_phones_flood_is_limited_by_their_address():
    limits = Limits(clock=Clock())
    granted = [limits.answers(str(phone), "192.0.2.1", 200) for phone in range(60)]
    assert sum(each.count for each in granted) == 10_000
    assert granted[-1] == Granted(0, FAST_ADDRESS)
    assert limits.answers("elsewhere", "192.0.2.2", 24) == Granted(24)


def test_a_visitor_opens_so_many_classes_in_a_day_and_the_command_line_any_number():
    clock = Clock()
    limits = Limits(2, clock=clock)
    for visitor in ("a", "a", "b", *[None] * 9):
        limits.check_opening(visitor)
    with pytest.raises(TooMany, match="as one visitor may in a day here"):
        limits.check_opening("a")
    clock.seconds = 12 * 3600
    limits.check_opening("a")
    for _ in range(99):
        Limits(clock=clock).check_opening("a")


def test_an_ipv6_host_is_limited_by_its_network_and_ipv4_in_ipv6_is_ipv4():
    limits = Limits(clock=Clock())
    taken = 0
    while limits.may_join(f"2001:db8:1:2::{taken:x}"):
        taken += 1
    assert taken == 600
    assert limits.may_join("2001:db8:1:3::1")
    while limits.may_join("::ffff:192.0.2.9"):
        pass
    assert not limits.may_join("192.0.2.9")
    assert limits.may_join("192.0.2.10")
    assert limits.may_join("testclient")  # no address at all
