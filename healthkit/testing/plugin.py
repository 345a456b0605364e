"""The pytest plugin: a coroutine test that asks for the fixture `kubelet` runs in virtual time.

    async def test_a_rollout_loses_nothing(kubelet): ...

No configuration is needed: such a test gets an `anyio_backend` of its own, whatever the project's
tests use otherwise, so that anyio's plugin runs it and its asynchronous fixtures in one
`VirtualLoop`. Where pytest-asyncio has taken the test (its auto mode), that plugin is given the
loop instead.

pytest imports this module in every run of every project that has healthkit installed. So it
imports pytest alone, its hooks look for one name and return, and it works with old versions.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator

    from healthkit.testing._kubelet import Kubelet

#: Stands for virtual time in a test's fixtures. A project may have a `kubelet` of its own.
MARK: Final = "_healthkit_virtual_time"

_KUBELET: Final = pytest.StashKey["Kubelet"]()

#: Plugins by the names of their entry points, and as ``-p`` has them by their modules.
_ANYIO: Final = ("anyio", "anyio.pytest_plugin")
_PYTEST_ASYNCIO: Final = ("asyncio", "pytest_asyncio", "pytest_asyncio.plugin")

#: What pytest-asyncio asks for the loop, since 1.4 (its pytest_asyncio/plugin.py).
_LOOP_FACTORY: Final = "_asyncio_loop_factory"


class _OnAnyio:
    """Fixtures where anyio's plugin runs the tests."""

    @pytest.fixture(name=MARK)
    def virtual_time(self, anyio_backend: object) -> None:
        """Ask for virtual time, and for anyio to run what is asynchronous."""


class _OnPytestAsyncio:
    """Fixtures where pytest-asyncio runs them; anyio, not asked for, leaves them alone."""

    @pytest.fixture(name=MARK)
    def virtual_time(self, _asyncio_loop_factory: object) -> None:
        """Ask for virtual time."""


class _OnNeither:
    """Fixtures where nobody can: the test will say so."""

    @pytest.fixture(name=MARK)
    def virtual_time(self) -> None:
        """Ask for virtual time."""


@pytest.fixture
async def kubelet(
    request: pytest.FixtureRequest, _healthkit_virtual_time: None
) -> AsyncIterator[Kubelet]:
    """Return a `healthkit.testing.Kubelet`, whose pods live in the test's virtual time."""
    import asyncio  # noqa: PLC0415  # see the module's docstring

    from healthkit.testing._kubelet import Kubelet  # noqa: PLC0415  # as above
    from healthkit.testing._running import LoopClock  # noqa: PLC0415  # as above
    from healthkit.testing._virtual import VirtualLoop  # noqa: PLC0415  # as above

    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        pytest.fail(
            f"`kubelet` found {type(loop).__name__}, expected the test's own loop in virtual time: "
            "let asynchronous fixtures have function scope, leave `anyio_backend` alone, and use "
            "pytest-asyncio 1.4 or later in auto mode, or strict mode without its marker",
            pytrace=False,
        )
    made = request.node.stash[_KUBELET] = Kubelet(LoopClock(loop))
    try:
        yield made
    finally:
        await made.close()


def pytest_configure(config: pytest.Config) -> None:
    """Choose who runs the tests. Which fixtures a fixture asks for can't be chosen later."""
    config.pluginmanager.register(_fixtures(config)(), f"{MARK}_fixtures")


def _fixtures(config: pytest.Config) -> type:
    """Return the class with the right fixtures."""
    if _is_auto(config):
        return _OnPytestAsyncio if _may_set_factory(config) else _OnNeither
    return _OnAnyio if _has(config, *_ANYIO) else _OnNeither


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test in virtual time its loop, before other hooks give it theirs."""
    if MARK not in metafunc.fixturenames:
        return
    if _LOOP_FACTORY in metafunc.fixturenames:
        if _may_set_factory(metafunc.config):
            _give(metafunc, _LOOP_FACTORY, _loop())
    elif "anyio_backend" in metafunc.fixturenames:
        _give(metafunc, "anyio_backend", ("asyncio", {"loop_factory": _loop()}))


def _give(metafunc: pytest.Metafunc, name: str, value: object) -> None:
    """Set a fixture for one test, without a trace in the test's id.

    By a marker, because pytest's own hook respects it: a fixture's parameters give way.
    """
    if _chooses(metafunc.definition, name):
        return
    hidden = getattr(pytest, "HIDDEN_PARAM", "virtual")  # since pytest 8.4
    metafunc.definition.add_marker(pytest.mark.parametrize(name, [value], ids=[hidden]))


def _loop() -> Callable[[], object]:
    """Return what makes the loop; importing it costs, so the first test that needs it pays."""
    from healthkit.testing._virtual import VirtualLoop  # noqa: PLC0415  # see the docstring

    return VirtualLoop


def _chooses(item: pytest.Item, name: str) -> bool:
    """Whether a test's own marker sets a fixture."""
    return any(
        name in str(mark.args[0]).replace(" ", "").split(",")
        for mark in item.iter_markers("parametrize")
        if mark.args
    )


def _has(config: pytest.Config, *names: str) -> bool:
    return any(config.pluginmanager.has_plugin(name) for name in names)


def _is_auto(config: pytest.Config) -> bool:
    """Whether pytest-asyncio takes every coroutine test."""
    if not _has(config, *_PYTEST_ASYNCIO):
        return False
    mode: object = config.getoption("asyncio_mode", None) or config.getini("asyncio_mode")
    return str(getattr(mode, "value", mode)) == "auto"


def _may_set_factory(config: pytest.Config) -> bool:
    """Whether pytest-asyncio asks for a loop, and nobody else answers."""
    hook = getattr(config.hook, "pytest_asyncio_loop_factories", None)
    return hook is not None and not hook.get_hookimpls()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse what can't work, in one line, before a fixture does in many."""
    if MARK not in getattr(item, "fixturenames", ()):
        return
    problem = _problem(item)
    if problem:
        pytest.fail(f"{item.name} asks for `kubelet` and {problem}", pytrace=False)


def _problem(item: pytest.Item) -> str | None:
    if not inspect.iscoroutinefunction(getattr(item, "function", None)):
        return "is no coroutine function: expected `async def`; or use healthkit.testing.run"
    if not _has(item.config, *_ANYIO) and not _is_auto(item.config):
        return "finds anyio's plugin off: expected it, so leave out `-p no:anyio`"
    if item.get_closest_marker("asyncio") is not None and not _is_auto(item.config):
        return "has pytest-asyncio's marker: expected none, or asyncio_mode = auto; remove it"
    return None


@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None]:
    """Let what ends the simulation surface in the test's own coroutine."""
    if MARK not in pyfuncitem.fixturenames or not inspect.iscoroutinefunction(pyfuncitem.obj):
        yield
        return
    test = pyfuncitem.obj
    pyfuncitem.obj = _guarded(test)
    try:
        yield
    finally:
        pyfuncitem.obj = test


def _guarded(test: Any) -> Any:  # noqa: ANN401  # a test has any signature
    import asyncio  # noqa: PLC0415  # see the module's docstring
    import functools  # noqa: PLC0415  # as above

    @functools.wraps(test)
    async def guarded(*args: object, **kwargs: object) -> None:
        __tracebackhide__ = True
        loop: Any = asyncio.get_running_loop()
        await loop.guarded(functools.partial(test, *args, **kwargs))

    return guarded


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any]:
    """Add what the pods have done to the report of a test that failed."""
    outcome = yield
    made = item.stash.get(_KUBELET, None)
    if made is None:
        return
    report: pytest.TestReport = outcome.get_result()
    if report.failed:
        report.sections.append(("pods", made.timelines()))
