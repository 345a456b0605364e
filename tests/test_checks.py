"""The built-in checks fail beyond one threshold and pass again past the other.

The tests of the thresholds by themselves (`healthkit._local`) come first.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import os
import time
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import CheckFailed, ConfigError, Health, HealthMiddleware, checks
from healthkit._calls import is_async
from healthkit._local import Hysteresis, LocalCheck, above, below, duration, location
from healthkit._registry import arguments, name_of
from healthkit.checks import EventLoopLag, FileAge, FreeDisk, RequestsInFlight
from tests.servers import ask, lifespan_of, plain_app
from tests.virtual import REAL, VirtualLoop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

#: Threads take real time.
in_real_time = pytest.mark.parametrize("anyio_backend", [REAL], ids=["real"])

HIGH_IS_BAD = Hysteresis(10, 8, above=True, unit=" s")
LOW_IS_BAD = Hysteresis(8, 10, above=False, unit=" bytes")


def number(what: str, value: object) -> float:
    """Accept any number as a threshold."""
    assert isinstance(value, int | float), what
    return value


# -- thresholds ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "from_passing", "from_failing"),
    [
        (7.9, False, False),
        (8, False, True),
        (9, False, True),
        (10, False, True),
        (10.1, True, True),
    ],
)
def test_between_the_thresholds_nothing_changes(
    value: float,
    from_passing: bool,
    from_failing: bool,
) -> None:
    """Exactly at a threshold neither: beyond is strictly beyond."""
    assert HIGH_IS_BAD.fails(value, failing=False) is from_passing
    assert HIGH_IS_BAD.fails(value, failing=True) is from_failing


@pytest.mark.parametrize(
    ("value", "from_passing", "from_failing"),
    [
        (7.9, True, True),
        (8, False, True),
        (9, False, True),
        (10, False, True),
        (10.1, False, False),
    ],
)
def test_low_values_may_be_the_bad_ones(
    value: float,
    from_passing: bool,
    from_failing: bool,
) -> None:
    """As on a disk that fills up."""
    assert LOW_IS_BAD.fails(value, failing=False) is from_passing
    assert LOW_IS_BAD.fails(value, failing=True) is from_failing


def test_one_threshold_may_be_both() -> None:
    """Exactly there a check stays as it was."""
    band = Hysteresis(5, 5, above=True, unit="")
    assert [band.fails(value, failing=False) for value in (4, 5, 6)] == [False, False, True]
    assert [band.fails(value, failing=True) for value in (4, 5, 6)] == [False, True, True]


def fails_at_last(values: list[int], fail: int, recover: int) -> bool:
    """Be the slow model: the last value outside of the band has decided."""
    for value in reversed(values):
        if value > fail:
            return True
        if value < recover:
            return False
    return False


@given(
    thresholds=st.lists(st.integers(0, 9), min_size=2, max_size=2).map(sorted),
    values=st.lists(st.integers(-1, 10)),
)
def test_the_last_value_outside_of_the_band_decides(
    thresholds: list[int],
    values: list[int],
) -> None:
    """After any values; and with all signs turned, low values are bad in the same way."""
    recover, fail = thresholds
    high_is_bad = Hysteresis(fail, recover, above=True, unit="")
    low_is_bad = Hysteresis(-fail, -recover, above=False, unit="")
    failing = mirrored = False
    for seen, value in enumerate(values, start=1):
        failing = high_is_bad.fails(value, failing=failing)
        mirrored = low_is_bad.fails(-value, failing=mirrored)
        assert failing is mirrored is fails_at_last(values[:seen], fail, recover)


def test_a_failure_is_put_into_words() -> None:
    """They name the threshold that is in the way, with its unit."""
    assert HIGH_IS_BAD.against(11) == "above the limit of 10 s"
    assert HIGH_IS_BAD.against(10) == "not yet below 8 s again"
    assert LOW_IS_BAD.against(7) == "below the limit of 8 bytes"
    assert LOW_IS_BAD.against(8) == "not yet above 10 bytes again"
    assert str(HIGH_IS_BAD) == "fail_above=10 s pass_below=8 s"
    assert str(LOW_IS_BAD) == "fail_below=8 bytes pass_above=10 bytes"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.1 + 0.2, "0.3 s"),
        (1 / 3, "0.333333 s"),
        (1_209_600.0, "1,209,600 s"),
        (999_999_999_999_999, "999,999,999,999,999 s"),
        (0, "0 s"),
    ],
)
def test_numbers_are_said_as_a_reader_wants_them(value: float, said: str) -> None:
    """Without the noise of floats, and without exponents."""
    assert HIGH_IS_BAD.said(value) == said


def test_a_second_threshold_is_a_fifth_away_from_the_first() -> None:
    """Unless one is given; the same as the first will do."""
    assert above("Lag", 0.2, None, number, " s") == Hysteresis(0.2, 0.16, above=True, unit=" s")
    assert below("Disk", 4_096, None, number, "") == Hysteresis(4_096, 5_120, above=False, unit="")
    assert above("Lag", 3, 3, number, "") == Hysteresis(3, 3, above=True, unit="")
    assert below("Disk", 3, 3, number, "") == Hysteresis(3, 3, above=False, unit="")
    assert above("Lag", 3, 1, number, "").recover == 1
    assert below("Disk", 3, 5, number, "").recover == 5


def test_a_second_threshold_on_the_wrong_side_is_refused() -> None:
    """A check could pass and fail by the same value."""
    with pytest.raises(ConfigError, match="^Lag pass_below=4: expected at most fail_above=3 s$"):
        above("Lag", 3, 4, number, " s")
    with pytest.raises(ConfigError, match="^Disk pass_above=2: expected at least fail_below=3 b$"):
        below("Disk", 3, 2, number, " b")


def test_both_thresholds_are_validated_under_their_names() -> None:
    """The names are those that the user has written."""
    seen: list[tuple[str, object]] = []

    def spy(what: str, value: object) -> float:
        seen.append((what, value))
        return number(what, value)

    above("Lag", 4, 3, spy, "")
    below("Disk", 3, 4, spy, "")
    assert seen == [
        ("Lag fail_above", 4),
        ("Lag pass_below", 3),
        ("Disk fail_below", 3),
        ("Disk pass_above", 4),
    ]


@pytest.mark.parametrize("value", [0.001, 1, 90_000])
def test_durations_are_returned_as_a_float(value: float) -> None:
    """From a millisecond to as much as is allowed, which may be more than a day."""
    found = duration("age", value, most=90_000)
    assert (found, type(found)) == (value, float)


@pytest.mark.parametrize(
    "value",
    [0, 0.0009, -1, 90_001, 10**400, math.nan, math.inf, -math.inf, True, "5", b"5", None, 5j],
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    """In one line with the range."""
    line = r"^age=.*: expected seconds as a number from 0\.001 to 90,000$"
    with pytest.raises(ConfigError, match=line):
        duration("age", value, most=90_000)


def test_paths_are_returned_as_paths() -> None:
    """Text and path objects are alike, and nothing need exist there."""
    assert location("path", "/no/such") == location("path", Path("/no/such")) == Path("/no/such")


@pytest.mark.parametrize("value", ["", "a\0b", Path("a\0b"), b"/tmp", 3, True, None, ["/tmp"]])  # noqa: S108  # never opened
def test_what_is_no_path_is_refused(value: object) -> None:
    """Small numbers are open files to the operating system, and no path."""
    with pytest.raises(ConfigError, match=r"^path=.*: expected a path, as text or pathlib\.Path$"):
        location("path", value)


# -- what all have in common -----------------------------------------------------------------------


class Gauge(LocalCheck):
    """The smallest of its kind: told what it measures; None is that it can't."""

    def __init__(self, about: str = "") -> None:
        super().__init__("gauge", HIGH_IS_BAD, about)
        self.measured: float | None = None

    def __call__(self) -> None:
        """Judge what was told."""
        if self.measured is None:
            raise self._unmeasured("gone\nto lunch")
        self._judge(self.measured, f"it is {self.measured:g}")

    def reason(self, measured: float | None) -> str | None:
        """Return why it fails with this measure, or None."""
        self.measured = measured
        try:
            self()
        except CheckFailed as exc:
            return str(exc)
        return None


def test_a_check_remembers_that_it_has_failed() -> None:
    """The reasons change with the threshold that is in the way."""
    gauge = Gauge()
    assert [gauge.reason(value) for value in (9, 11, 9, 7, 9)] == [
        None,
        "it is 11, above the limit of 10 s",
        "it is 9, not yet below 8 s again",
        None,
        None,
    ]


def test_what_could_not_be_measured_must_be_well_again() -> None:
    """It is a failure like one beyond the threshold; its reason is one line."""
    gauge = Gauge()
    assert [gauge.reason(value) for value in (9, None, 9, 7)] == [
        None,
        "gone to lunch",
        "it is 9, not yet below 8 s again",
        None,
    ]


def test_a_repr_shows_parameters_and_state() -> None:
    """In one line."""
    gauge = Gauge("'x'")
    band = "fail_above=10 s pass_below=8 s"
    assert repr(gauge) == f"<Gauge 'x' {band} not run>"
    gauge.reason(11)
    assert repr(gauge) == f"<Gauge 'x' {band} failing at 11 s>"
    gauge.reason(0)
    assert repr(gauge) == f"<Gauge 'x' {band} passing at 0 s>"
    gauge.reason(None)
    assert repr(gauge) == f"<Gauge 'x' {band} failing>"
    assert repr(Gauge()) == f"<Gauge {band} not run>"


def test_a_fresh_check_has_the_parameters_and_no_memory() -> None:
    """And what happens to one does not reach the other."""
    gauge = Gauge("'x'")
    gauge.reason(11)
    fresh = gauge.fresh()
    assert type(fresh) is Gauge
    assert fresh.__name__ == "gauge"
    assert repr(fresh) == "<Gauge 'x' fail_above=10 s pass_below=8 s not run>"
    assert fresh.reason(9) is None
    assert gauge.reason(9) == "it is 9, not yet below 8 s again"
    assert repr(fresh) == "<Gauge 'x' fail_above=10 s pass_below=8 s passing at 9 s>"


BUILT_IN: list[tuple[LocalCheck, str, bool, str]] = [
    (
        EventLoopLag(),
        "event_loop_lag",
        True,
        "<EventLoopLag window=0.3 s fail_above=0.2 s pass_below=0.16 s not run>",
    ),
    (
        RequestsInFlight(Health(), fail_above=100),
        "requests_in_flight",
        True,
        "<RequestsInFlight fail_above=100 pass_below=80 not run>",
    ),
    (
        FreeDisk("/cache", fail_below=1_000_000),
        "free_disk",
        False,
        "<FreeDisk '/cache' fail_below=1,000,000 bytes pass_above=1,250,000 bytes not run>",
    ),
    (
        FileAge(Path("/beat"), fail_above=90),
        "file_age",
        False,
        "<FileAge '/beat' fail_above=90 s pass_below=72 s not run>",
    ),
]
each_built_in = pytest.mark.parametrize(
    ("check", "name", "on_the_loop", "shown"),
    BUILT_IN,
    ids=[type(row[0]).__name__ for row in BUILT_IN],
)


@each_built_in
def test_a_built_in_check_can_be_registered_as_it_is(
    check: LocalCheck,
    name: str,
    on_the_loop: bool,
    shown: str,
) -> None:
    """It takes no argument, has a name, and says whether it needs a thread; so does a fresh one."""
    for call in (check, check.fresh()):
        assert arguments("check", call, ()) == 0
        assert name_of("check", call, None) == name
        assert is_async(call) is on_the_loop
        assert is_async(partial(call)) is on_the_loop
        assert repr(call) == shown
        assert Health().check(call) is call


def test_every_built_in_check_is_here() -> None:
    """The table above has them all."""
    assert sorted(type(check).__name__ for check, *_ in BUILT_IN) == checks.__all__


def test_the_second_of_a_kind_needs_a_name() -> None:
    """The error says so."""
    health = Health()
    health.check(FreeDisk("/a", fail_below=5_000))
    with pytest.raises(ConfigError, match="^name='free_disk': is taken already; .* pass name="):
        health.check(FreeDisk("/b", fail_below=5_000))
    health.check(FreeDisk("/b", fail_below=5_000), name="b")


@pytest.mark.parametrize("interval", [0.0099, 0.005, 1e-9])
def test_an_interval_is_ten_milliseconds_at_least(interval: float) -> None:
    """What is shorter is a slip of the unit, for any check."""
    health = Health()
    line = rf"^check interval={interval}: expected 0\.01 s or more$"
    with pytest.raises(ConfigError, match=line):
        health.check(FreeDisk("/", fail_below=5_000), interval=interval)
    with pytest.raises(ConfigError, match=line):
        health.check(anyio.sleep_forever, interval=interval)
    health.check(anyio.sleep_forever, interval=0.01)


@pytest.mark.parametrize(
    ("window", "timeout"), [(0.8, 0.8), (0.81, 0.8), (60, 0.8), (0.3, 0.3), (0.02, 0.01)]
)
def test_a_window_must_fit_into_the_timeout(window: float, timeout: float) -> None:
    """Else each run would be cut off, and the check fail for ever, with no lag at all."""
    health = Health()
    line = rf"^check timeout={timeout}: expected more than {window} s, which <EventLoopLag window="
    with pytest.raises(ConfigError, match=line):
        health.check(EventLoopLag(window=window), timeout=timeout)
    health.check(EventLoopLag(window=window), timeout=window + 0.01)


def test_the_timeout_by_default_counts_too() -> None:
    """It is 0.8 s; and a check that takes no time by itself may have any."""
    with pytest.raises(
        ConfigError, match=r"^check timeout=0\.8: expected more than 1 s, which <Ev"
    ):
        Health().check(EventLoopLag(window=1))
    assert [type(check).__name__ for check, *_ in BUILT_IN if check.takes] == ["EventLoopLag"]
    Health().check(FreeDisk("/", fail_below=5_000), timeout=0.001)


SECONDS = r"expected seconds as a number from 0\.001 to"


@pytest.mark.parametrize(
    ("kind", "wrong", "line"),
    [
        (EventLoopLag, {"fail_above": 0}, rf"EventLoopLag fail_above=0: {SECONDS} 60"),
        (EventLoopLag, {"fail_above": 60.1}, rf"EventLoopLag fail_above=60.1: {SECONDS} 60"),
        (EventLoopLag, {"pass_below": "1"}, rf"EventLoopLag pass_below='1': {SECONDS} 60"),
        (
            EventLoopLag,
            {"pass_below": 0.3},
            r"EventLoopLag pass_below=0\.3: expected at most fail_above=0\.2 s",
        ),
        (
            EventLoopLag,
            {"window": 0.01},
            r"EventLoopLag window=0\.01: expected seconds as a number from 0\.02 to 60",
        ),
        (
            RequestsInFlight,
            {"health": None, "fail_above": 5},
            r"RequestsInFlight health=None: expected a Health, made by Health\(\)",
        ),
        (
            RequestsInFlight,
            {"health": Health(), "fail_above": 0},
            "RequestsInFlight fail_above=0: expected a whole number from 1 to 1000000",
        ),
        (
            RequestsInFlight,
            {"health": Health(), "fail_above": 10**6 + 1},
            "RequestsInFlight fail_above=1000001: expected a whole number from 1 to 1000000",
        ),
        (
            RequestsInFlight,
            {"health": Health(), "fail_above": 5, "pass_below": 6},
            "RequestsInFlight pass_below=6: expected at most fail_above=5",
        ),
        (
            FreeDisk,
            {"path": b"/", "fail_below": 5_000},
            r"FreeDisk path=b'/': expected a path, as text or pathlib\.Path",
        ),
        (
            FreeDisk,
            {"path": "/", "fail_below": 4_095},
            "FreeDisk fail_below=4095: expected a whole number from 4096 to 1152921504606846976",
        ),
        (
            FreeDisk,
            {"path": "/", "fail_below": 2**60 + 1},
            f"FreeDisk fail_below={2**60 + 1}: expected a whole number from 4096 to {2**60}",
        ),
        (
            FreeDisk,
            {"path": "/", "fail_below": 5_000, "pass_above": 4_999},
            "FreeDisk pass_above=4999: expected at least fail_below=5,000 bytes",
        ),
        (
            FileAge,
            {"path": 3, "fail_above": 60},
            r"FileAge path=3: expected a path, as text or pathlib\.Path",
        ),
        (
            FileAge,
            {"path": "/x", "fail_above": True},
            rf"FileAge fail_above=True: {SECONDS} 315,360,000",
        ),
        (
            FileAge,
            {"path": "/x", "fail_above": 60, "pass_below": 61},
            "FileAge pass_below=61: expected at most fail_above=60 s",
        ),
    ],
)
def test_wrong_parameters_are_refused_in_one_line(
    kind: Callable[..., object],
    wrong: dict[str, object],
    line: str,
) -> None:
    """By the class, the parameter, what was found and what was expected."""
    with pytest.raises(ConfigError, match=f"^{line}$"):
        kind(**wrong)


def test_the_largest_thresholds_are_allowed() -> None:
    """Each limit is part of its range."""
    lag = EventLoopLag(fail_above=60, pass_below=0.001, window=60)
    assert repr(lag) == "<EventLoopLag window=60 s fail_above=60 s pass_below=0.001 s not run>"
    assert "window=0.02 s" in repr(EventLoopLag(window=0.02))
    requests = RequestsInFlight(Health(), fail_above=1_000_000, pass_below=1)
    assert repr(requests) == "<RequestsInFlight fail_above=1,000,000 pass_below=1 not run>"
    FreeDisk("/", fail_below=4_096, pass_above=2**60)
    age = FileAge("/", fail_above=315_360_000)
    assert "fail_above=315,360,000 s" in repr(age)


# -- a real Health around them ---------------------------------------------------------------------


async def readyz_becomes(app: ASGIApp, status: int) -> None:
    """Wait until ``/readyz`` has this status, for 30 s at most."""
    with anyio.fail_after(30):
        while (await ask(app, "/readyz")).status != status:  # noqa: ASYNC110  # as the kubelet does
            await anyio.sleep(0.001)


async def readyz_stays(app: ASGIApp, status: int, seconds: float) -> None:
    """See ``/readyz`` keep this status for some time."""
    for _ in range(10):
        assert (await ask(app, "/readyz")).status == status
        await anyio.sleep(seconds / 10)
    assert (await ask(app, "/readyz")).status == status


# -- the event loop's lag --------------------------------------------------------------------------


def block(seconds: float) -> None:
    """Block the virtual loop that runs this."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.jump(seconds)


@asynccontextmanager
async def blocked(*blocks: tuple[float, float]) -> AsyncGenerator[None]:
    """Block the loop: some seconds from now, for some seconds."""
    loop = asyncio.get_running_loop()
    timers = [loop.call_later(moment, block, seconds) for moment, seconds in blocks]
    yield
    for timer in timers:
        timer.cancel()


@pytest.mark.parametrize("window", [0.02, 0.3, 2])
async def test_a_loop_in_time_passes_after_the_window(window: float) -> None:
    """Nothing is late in virtual time, and a run takes as long as was said."""
    check = EventLoopLag(window=window)
    began = anyio.current_time()
    await check()
    assert anyio.current_time() - began == pytest.approx(window)
    assert repr(check).endswith("passing at 0 s>")


async def test_a_late_loop_fails_at_once() -> None:
    """The rest of the window is of no interest any more."""
    check = EventLoopLag(window=1)
    began = anyio.current_time()
    line = r"^the event loop was 0\.285 s late, above the limit of 0\.2 s$"
    async with blocked((0.105, 0.3)):
        with pytest.raises(CheckFailed, match=line):
            await check()
    assert anyio.current_time() - began == pytest.approx(0.405)


async def test_the_worst_lateness_counts() -> None:
    """Whichever comes first, for the whole of the window."""
    check = EventLoopLag(pass_below=0.05)
    began = anyio.current_time()
    async with blocked((0.045, 0.05), (0.145, 0.1), (0.255, 0.05)):
        await check()
    assert repr(check).endswith("passing at 0.085 s>")
    assert anyio.current_time() - began == pytest.approx(0.305)


async def test_lateness_at_the_very_end_is_seen() -> None:
    """The last sleep ends with the window."""
    check = EventLoopLag()
    async with blocked((0.29, 0.3)):
        with pytest.raises(CheckFailed, match=r"^the event loop was 0\.29 s late"):
            await check()


async def test_lag_has_a_memory() -> None:
    """What was late must be clearly in time again."""
    check = EventLoopLag(fail_above=0.2, pass_below=0.1)
    late: list[str | None] = []
    for seconds in (0.15, 0.3, 0.15, 0.05, 0.15):
        async with blocked((0.1, seconds)):
            try:
                await check()
                late.append(None)
            except CheckFailed as exc:
                late.append(str(exc).partition(", ")[2])
    again = "not yet below 0.1 s again"
    assert late == [None, "above the limit of 0.2 s", again, None, None]


async def test_a_run_that_is_cut_short_has_failed() -> None:
    """Its value is unknown, but it was too late for the check's timeout."""
    check = EventLoopLag(fail_above=0.2, pass_below=0.1)
    with anyio.move_on_after(0.25) as scope:
        await check()
    assert scope.cancelled_caught
    assert repr(check).endswith(" failing>")
    async with blocked((0.1, 0.15)):
        with pytest.raises(CheckFailed, match=r"late, not yet below 0\.1 s again$"):
            await check()


def test_two_lags_below_the_limit_fit_into_the_timeout() -> None:
    """The default timeout has room for a run that begins late and ends late."""
    parameters = inspect.signature(EventLoopLag).parameters
    slowest = parameters["window"].default + 2 * parameters["fail_above"].default
    assert slowest < inspect.signature(Health.check).parameters["timeout"].default


class Blocker:
    """What blocks the loop ten times a second."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def run(self) -> None:
        """Block until cancelled."""
        while True:
            await anyio.sleep(0.1)
            block(self.seconds)


@pytest.mark.parametrize("late", [0.3, 5.0])
async def test_readyz_is_503_while_the_loop_is_late(late: float) -> None:
    """Also by more than the check's own timeout, which is remembered as well as any lateness."""
    health = Health()
    health.check(EventLoopLag(fail_above=0.2, pass_below=0.1), interval=2)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app), anyio.create_task_group() as tasks:
        blocker = Blocker()
        tasks.start_soon(blocker.run)
        await readyz_becomes(app, 200)
        blocker.seconds = 0.15
        await readyz_stays(app, 200, 10)
        blocker.seconds = late
        await readyz_becomes(app, 503)
        await readyz_stays(app, 503, 10)
        blocker.seconds = 0.15
        await readyz_stays(app, 503, 10)
        blocker.seconds = 0.05
        await readyz_becomes(app, 200)
        tasks.cancel_scope.cancel()


# -- the requests in flight ------------------------------------------------------------------------


class Crowd:
    """An app whose requests end when they are told to."""

    def __init__(self) -> None:
        self._ends: list[anyio.Event] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            self._ends.append(anyio.Event())
            await self._ends[-1].wait()
        await plain_app(scope, receive, send)

    def one_leaves(self) -> None:
        """End the oldest request."""
        self._ends.pop(0).set()


async def test_readyz_is_503_while_too_many_requests_are_in_flight() -> None:
    """Until so many of them have ended that the next few can come."""
    health = Health()
    check = RequestsInFlight(health, fail_above=3, pass_below=2)
    health.check(check, interval=1)
    crowd = Crowd()
    app = HealthMiddleware(crowd, health=health)
    async with lifespan_of(app), anyio.create_task_group() as tasks:
        await readyz_becomes(app, 200)
        for _ in range(3):
            tasks.start_soon(ask, app)
        await readyz_stays(app, 200, 5)
        tasks.start_soon(ask, app)
        await readyz_becomes(app, 503)
        for _ in range(2):
            crowd.one_leaves()
            await readyz_stays(app, 503, 5)
        crowd.one_leaves()
        await readyz_becomes(app, 200)
        crowd.one_leaves()


async def test_the_reason_counts_the_requests() -> None:
    """With the limit; a run takes no time."""
    health = Health()
    check = RequestsInFlight(health, fail_above=1)
    crowd = Crowd()
    app = HealthMiddleware(crowd, health=health)
    async with lifespan_of(app), anyio.create_task_group() as tasks:
        tasks.start_soon(ask, app)
        tasks.start_soon(ask, app)
        await anyio.sleep(1)
        began = anyio.current_time()
        with pytest.raises(CheckFailed, match="^requests in flight: 2, above the limit of 1$"):
            await check()
        crowd.one_leaves()
        await anyio.sleep(0.1)
        with pytest.raises(CheckFailed, match=r"^requests in flight: 1, not yet below 0\.8 again$"):
            await check()
        crowd.one_leaves()
        await anyio.sleep(0.1)
        await check()
        assert repr(check) == "<RequestsInFlight fail_above=1 pass_below=0.8 passing at 0>"
        assert anyio.current_time() - began == pytest.approx(0.2)


# -- a disk ----------------------------------------------------------------------------------------


class Disk:
    """A file system of 1,000 blocks, as statvfs(3) tells of it. Call it for statvfs."""

    def __init__(self) -> None:
        self.blocks_free = 500
        self.calls = 0

    def __call__(self, path: object) -> os.statvfs_result:
        """Reserve 50 blocks for root, and have a preferred block size of its own."""
        assert str(path) == "/cache"
        self.calls += 1
        blocks = (1_000, self.blocks_free + 50, self.blocks_free)
        return os.statvfs_result((65_536, 4_096, *blocks, 9, 9, 9, 0, 255))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Have a small disk in place of all file systems."""
    made = Disk()
    monkeypatch.setattr(os, "statvfs", made)
    return made


def test_free_space_is_what_is_left_for_users(disk: Disk) -> None:
    """The blocks that are reserved for root are as good as full."""
    check = FreeDisk("/cache", fail_below=100 * 4_096, pass_above=200 * 4_096)
    disk.blocks_free = 100
    check()
    assert repr(check).endswith("passing at 409,600 bytes>")
    disk.blocks_free = 99
    line = "^405,504 of 4,096,000 bytes are free, below the limit of 409,600 bytes: '/cache'$"
    with pytest.raises(CheckFailed, match=line):
        check()
    disk.blocks_free = 200
    with pytest.raises(
        CheckFailed, match=" bytes are free, not yet above 819,200 bytes again: '/cache'$"
    ):
        check()
    disk.blocks_free = 201
    check()


def test_a_real_file_system_has_space(tmp_path: Path) -> None:
    """More than a block, and less than an exbibyte."""
    FreeDisk(tmp_path, fail_below=4_096)()
    with pytest.raises(CheckFailed, match=" bytes are free, below the limit of "):
        FreeDisk(str(tmp_path), fail_below=2**60)()


def test_a_missing_path_is_no_free_space(tmp_path: Path) -> None:
    """A volume that is not mounted fails, and the reason names it."""
    check = FreeDisk(tmp_path / "volume", fail_below=4_096)
    line = r"^free space unknown: \[Errno 2\] No such file or directory: '.*/volume'$"
    with pytest.raises(CheckFailed, match=line) as caught:
        check()
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert repr(check).endswith(" failing>")
    (tmp_path / "volume").mkdir()
    check()


@in_real_time
async def test_readyz_is_503_while_the_disk_is_full(disk: Disk) -> None:
    """Until there is more space than it failed for."""
    health = Health()
    check = FreeDisk("/cache", fail_below=100 * 4_096, pass_above=200 * 4_096)
    health.check(check, interval=0.01, timeout=30)
    app = HealthMiddleware(plain_app, health=health)

    async def stays(status: int) -> None:
        """See this status through three more runs."""
        calls = disk.calls
        with anyio.fail_after(30):
            while disk.calls < calls + 3:
                await readyz_stays(app, status, 0.001)

    async with lifespan_of(app):
        await readyz_becomes(app, 200)
        disk.blocks_free = 150
        await stays(200)
        disk.blocks_free = 50
        await readyz_becomes(app, 503)
        disk.blocks_free = 150
        await stays(503)
        disk.blocks_free = 250
        await readyz_becomes(app, 200)


# -- a file's age ----------------------------------------------------------------------------------


def last_written(path: Path, seconds: float) -> None:
    """Let a file be so old. A test takes no more than a few seconds by itself."""
    path.touch()
    now = time.time()
    os.utime(path, (now, now - seconds))  # read just now


def removed(path: Path) -> None:
    """Take a file away."""
    path.unlink()


@pytest.fixture
def heartbeat(tmp_path: Path) -> Path:
    """Return a file that was written just now."""
    path = tmp_path / "heartbeat"
    path.touch()
    return path


def test_an_old_file_fails_until_it_is_written(heartbeat: Path) -> None:
    """The age is the clock's time less the file's."""
    check = FileAge(heartbeat, fail_above=600, pass_below=300)
    check()
    last_written(heartbeat, 450)
    check()
    last_written(heartbeat, 660)
    line = r"^written 66\d(\.\d+)? s ago, above the limit of 600 s: '.*/heartbeat'$"
    with pytest.raises(CheckFailed, match=line):
        check()
    last_written(heartbeat, 450)
    with pytest.raises(CheckFailed, match=r" s ago, not yet below 300 s again: '.*/heartbeat'$"):
        check()
    last_written(heartbeat, 0)
    check()


def test_a_time_in_the_future_is_age_zero(heartbeat: Path) -> None:
    """A clock that was set back makes no file old."""
    last_written(heartbeat, -3_600)
    check = FileAge(str(heartbeat), fail_above=1)
    check()
    assert repr(check).endswith(" passing at 0 s>")


def test_a_missing_file_fails(heartbeat: Path) -> None:
    """So does one behind what is no directory; the reason names it."""
    check = FileAge(heartbeat, fail_above=600, pass_below=300)
    heartbeat.unlink()
    line = r"^age unknown: \[Errno 2\] No such file or directory: '.*/heartbeat'$"
    with pytest.raises(CheckFailed, match=line) as caught:
        check()
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    last_written(heartbeat, 450)
    with pytest.raises(CheckFailed, match="not yet below 300 s again"):
        check()
    behind = FileAge(heartbeat / "file", fail_above=600)
    with pytest.raises(CheckFailed, match="^age unknown: .* Not a directory: "):
        behind()


def test_links_are_followed(heartbeat: Path) -> None:
    """What counts is what was written, not when the link was made."""
    link = heartbeat.with_name("link")
    link.symlink_to(heartbeat)
    last_written(heartbeat, 660)
    with pytest.raises(CheckFailed, match=" s ago, above the limit of 600 s: '.*/link'$"):
        FileAge(link, fail_above=600)()


@in_real_time
async def test_readyz_is_503_while_a_file_is_old(heartbeat: Path) -> None:
    """Until it is young again; missing is old."""
    health = Health()
    health.check(FileAge(heartbeat, fail_above=600, pass_below=300), interval=0.01, timeout=30)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await readyz_becomes(app, 200)
        last_written(heartbeat, 450)
        await readyz_stays(app, 200, 0.1)
        last_written(heartbeat, 660)
        await readyz_becomes(app, 503)
        last_written(heartbeat, 450)
        await readyz_stays(app, 503, 0.1)
        last_written(heartbeat, 0)
        await readyz_becomes(app, 200)
        removed(heartbeat)
        await readyz_becomes(app, 503)


@in_real_time
@pytest.mark.parametrize("inside", [False, True], ids=["at import", "in the lifespan"])
async def test_each_life_begins_without_a_memory(heartbeat: Path, inside: bool) -> None:
    """Failing in one life, in the band in the next: it passes, wherever it is registered."""
    health = Health()
    check = FileAge(heartbeat, fail_above=600, pass_below=300)
    if not inside:
        health.check(check, interval=0.05, timeout=30)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            if inside:
                health.check(check, interval=0.05, timeout=30)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})

    middleware = HealthMiddleware(app, health=health)
    for age, status in ((900, 503), (450, 200)):
        last_written(heartbeat, age)
        async with lifespan_of(middleware):
            await health.wait_for("serving", 30)
            while (await ask(middleware, "/readyz")).text == "pending: file_age\n":  # noqa: ASYNC110  # a thread's news
                await anyio.sleep(0.01)
            assert (await ask(middleware, "/readyz")).status == status
