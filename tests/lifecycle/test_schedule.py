"""When schedules are due: cron expressions in zones whose clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.lifecycle.schedule import (
    COUNTED,
    Missed,
    Timing,
    due,
    moment_of,
    plain_cron,
    wrong_field,
    zones,
)

BERLIN, NEW_YORK, SHANGHAI = "Europe/Berlin", "America/New_York", "Asia/Shanghai"
LORD_HOWE = "Australia/Lord_Howe"  # its clock changes by half an hour
GRACE = timedelta(minutes=5)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shown(cron: str, zone: str, after: str, count: int) -> list[str]:
    """Day, time and offset as the clock there shows them."""
    times = islice(Timing(zone, cron=cron).times(at(after)), count)
    return [time.astimezone(ZoneInfo(zone)).strftime("%d %H:%M%z") for time in times]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        # What the clock never shows happens once, right behind the gap.
        ("30 2 * * *", BERLIN, "2026-03-28 12:00", ["29 03:00+0200", "30 02:30+0200"]),
        ("*/15 2-3 * * *", BERLIN, "2026-03-28 23:00", ["29 03:00+0200", "29 03:15+0200", "29 03:30+0200"]),
        ("30 2 * * *", NEW_YORK, "2026-03-07 12:00", ["08 03:00-0400", "09 02:30-0400"]),
        ("15 2 * * *", LORD_HOWE, "2026-10-03 12:00", ["04 02:30+1100", "05 02:15+1100"]),
        ("30 0 * * *", "America/Santiago", "2026-09-05 12:00", ["06 01:00-0300", "07 00:30-0300"]),
        # What it shows twice happens once, the first time.
        ("30 2 * * *", BERLIN, "2026-10-24 12:00", ["25 02:30+0200", "26 02:30+0100"]),
        ("*/30 2 * * *", BERLIN, "2026-10-24 12:00", ["25 02:00+0200", "25 02:30+0200", "26 02:00+0100"]),
        ("0 */2 * * *", BERLIN, "2026-10-24 23:30", ["25 02:00+0200", "25 04:00+0100"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31 12:00", ["01 01:30-0400", "02 01:30-0500"]),
        ("45 1 * * *", LORD_HOWE, "2026-04-04 12:00", ["05 01:45+1100", "06 01:45+1030"]),
        ("0 */2 * * *", LORD_HOWE, "2026-04-04 13:30", ["05 02:00+1030", "05 04:00+1030"]),
        # For every hour, the course of the clock: through the repeated hour, and over the gap.
        ("*/30 * * * *", BERLIN, "2026-10-24 23:45",
         ["25 02:00+0200", "25 02:30+0200", "25 02:00+0100", "25 02:30+0100", "25 03:00+0100"]),
        ("30 0-23 * * *", BERLIN, "2026-10-24 23:45", ["25 02:30+0200", "25 02:30+0100", "25 03:30+0100"]),
        ("0 * * * *", BERLIN, "2026-03-28 23:30", ["29 01:00+0100", "29 03:00+0200"]),
        # No change of clocks; leap days; what is far away.
        ("0 9 * * 1-5", SHANGHAI, "2026-11-20 02:00", ["23 09:00+0800", "24 09:00+0800"]),
        ("0 0 29 2 *", SHANGHAI, "2026-01-01 00:00", ["29 00:00+0800"]),
        ("0 12 * 2 MON#5", BERLIN, "2026-01-01 00:00", ["29 12:00+0100"]),
    ],
)  # fmt: skip
def test_clocks_that_change(cron: str, zone: str, after: str, expected: list[str]) -> None:
    assert shown(cron, zone, after, len(expected)) == expected


def test_leap_days_and_centuries() -> None:
    leap = Timing("UTC", cron="0 0 29 2 *")
    years = [time.year for time in islice(leap.times(at("2096-01-01")), 3)]
    assert years == [2096, 2104, 2108]
    assert Timing("UTC", cron="0 0 29 2 MON#5").next(at("2026-01-01")) == at("2028-02-29")
    assert Timing("UTC", cron="0 0 */31 2 MON#5").next(at("2026-01-01")) is None


def test_a_computation_begun_within_the_repeated_hour_goes_on_behind_it() -> None:
    """01:10 UTC is the second 02:10: the first 02:30 is over, and the second does not count."""
    assert shown("30 2 * * *", BERLIN, "2026-10-25 01:10", 1) == ["26 02:30+0100"]


def test_bounds() -> None:
    timing = Timing("UTC", cron="0 9 * * *", starts_at=at("2026-11-22 09:00"), ends_at=at("2026-11-23 09:00"))
    assert list(timing.times(at("2026-11-01"))) == [at("2026-11-22 09:00"), at("2026-11-23 09:00")]
    assert timing.next(at("2026-11-23 09:00")) is None
    once = Timing("UTC", at=at("2026-11-22 09:00"))
    assert (once.next(at("2026-11-22 08:59")), once.next(at("2026-11-22 09:00"))) == (once.at, None)


def test_the_moment_of_what_a_clock_shows() -> None:
    berlin = ZoneInfo(BERLIN)
    for wall, utc in (("2026-10-25 02:30:10", "00:30:10"), ("2026-03-29 02:30:10", "01:00:00"),
                      ("2026-03-29 01:59:59", "00:59:59")):  # fmt: skip
        assert moment_of(datetime.fromisoformat(wall), berlin) == at(f"{wall[:10]} {utc}")


NINE = Timing("UTC", cron="0 9 * * *")
MINUTES = Timing("UTC", cron="* * * * *")


def test_what_is_due_in_time_is_run() -> None:
    found = due(NINE, at("2026-11-21 09:00"), at("2026-11-21 09:05"), misfire="skip", grace=GRACE)
    assert (found.missed, found.tick, found.next_at) == (None, at("2026-11-21 09:00"), at("2026-11-22 09:00"))


def test_what_is_too_late_is_skipped() -> None:
    found = due(NINE, at("2026-11-21 09:00"), at("2026-11-23 09:06"), misfire="skip", grace=GRACE)
    assert found.missed == Missed(at("2026-11-21 09:00"), at("2026-11-23 09:00"), 3)
    assert (found.tick, found.next_at) == (None, at("2026-11-24 09:00"))


def test_what_is_within_its_grace_is_run_though_others_were_missed() -> None:
    found = due(MINUTES, at("2026-11-21 09:00"), at("2026-11-21 10:00:30"), misfire="skip", grace=GRACE)
    assert found.missed == Missed(at("2026-11-21 09:00"), at("2026-11-21 09:55"), 56)
    assert (found.tick, found.next_at) == (None, at("2026-11-21 09:56"))


def test_one_run_stands_for_all_that_were_missed() -> None:
    found = due(NINE, at("2026-11-21 09:00"), at("2026-11-23 10:00"), misfire="once", grace=GRACE)
    assert found.missed == Missed(at("2026-11-21 09:00"), at("2026-11-22 09:00"), 2)
    assert (found.tick, found.next_at) == (at("2026-11-23 09:00"), at("2026-11-24 09:00"))
    alone = due(NINE, at("2026-11-21 09:00"), at("2026-11-22 08:00"), misfire="once", grace=GRACE)
    assert (alone.missed, alone.tick) == (None, at("2026-11-21 09:00"))
    once = Timing("UTC", at=at("2026-11-21 09:00"))
    late = due(once, at("2026-11-21 09:00"), at("2027-11-21"), misfire="once", grace=GRACE)
    assert (late.missed, late.tick, late.next_at) == (None, at("2026-11-21 09:00"), None)
    gone = due(once, at("2026-11-21 09:00"), at("2027-11-21"), misfire="skip", grace=GRACE)
    assert (gone.missed, gone.tick, gone.next_at) == (Missed(once.at, once.at, 1), None, None)  # type: ignore[arg-type]


def test_years_that_were_missed_are_not_counted_one_by_one() -> None:
    found = due(MINUTES, at("2020-01-01"), at("2026-11-21"), misfire="skip", grace=GRACE)
    assert found.missed == Missed(at("2020-01-01"), at("2026-11-20 23:54"), COUNTED)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 */3 * * 1-5", "15 1,2 * * *", "0 0 L * *"]),
    st.sampled_from([BERLIN, NEW_YORK, SHANGHAI, LORD_HOWE, "UTC"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001
    st.integers(0, 150_000),
    st.sampled_from(["skip", "once"]),
)
def test_whenever_it_is_looked_at_no_time_is_lost_or_comes_twice(
    cron: str, zone: str, begin: datetime, away: int, misfire: str
) -> None:
    timing = Timing(zone, cron=cron)
    first = timing.next(begin.replace(tzinfo=UTC))
    assert first is not None
    late = first + timedelta(seconds=away)
    found = due(timing, first, late, misfire=misfire, grace=GRACE)  # type: ignore[arg-type]
    expected = [first]
    for time in timing.times(first):
        expected.append(time)
        if time > late:
            break
    missed = [] if found.missed is None else [t for t in expected if t <= found.missed.until]
    told = [*missed, *([found.tick] if found.tick else []), found.next_at]
    assert told == expected[: len(told)]
    assert found.missed is None or min(len(missed), COUNTED) == found.missed.count
    if misfire == "once":
        assert told == expected


@pytest.mark.parametrize(
    ("cron", "number"),
    [("0 9 * * MON-fri", 0), ("60 * * * *", 1), ("* 24 * * *", 2), ("* * 0 * *", 3), ("0 0 31 2 *", 3),
     ("* * * 13 *", 4), ("* * * * 8", 5), ("x * * * *", 1), ("*/0 * * * *", 1), ("9-5 * * * *", 1)],
)  # fmt: skip
def test_the_field_that_is_wrong_is_told(cron: str, number: int) -> None:
    assert wrong_field(plain_cron(cron)) == number


def test_zones_are_those_of_the_world_not_of_this_machine() -> None:
    assert {BERLIN, NEW_YORK, SHANGHAI, LORD_HOWE, "UTC"} <= zones()
    assert not {"localtime", "Factory", "right/UTC", "../etc/passwd"} & zones()
