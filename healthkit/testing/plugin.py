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

    from healthkit.testing import Kubelet

#: Stands for virtual time in a test's fixtures. A project may have a `kubelet` of its own.
MARK: Final = "_healthkit_virtual_time"

_KUBELET: Final = pytest.StashKey["Kubelet"]()

#: What pytest-asyncio asks for the loop, since 1.4 (its pytest_asyncio/plugin.py).
_LOOP_FACTORY: Final = "_asyncio_loop_factory"

_HOW: Final = "in pytest-asyncio's strict mode without @pytest.mark.asyncio, or in its auto mode"


@pytest.fixture(name=MARK)
def virtual_time() -> None:
    """Ask for virtual time. The hooks below see the name."""


@pytest.fixture
async def kubelet(
    request: pytest.FixtureRequest, _healthkit_virtual_time: None
) -> AsyncIterator[Kubelet]:
    """Return a `healthkit.testing.Kubelet`, whose pods live in the test's virtual time."""
    import asyncio  # noqa: PLC0415  # see the module's docstring

    from healthkit.testing import Kubelet  # noqa: PLC0415  # as above
    from healthkit.testing._virtual import LoopClock, VirtualLoop  # noqa: PLC0415  # as above

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


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test in virtual time its loop, before other hooks give it theirs."""
    if MARK not in metafunc.fixturenames or not _is_coroutine(metafunc.function):
        return
    if _is_pytest_asyncios(metafunc.definition):
        if _may_set_factory(metafunc.config):
            _give(metafunc, _LOOP_FACTORY, _loop())
    elif not _chooses(metafunc.definition, "anyio_backend"):
        _give(metafunc, "anyio_backend", ("asyncio", {"loop_factory": _loop()}))


def _give(metafunc: pytest.Metafunc, name: str, value: object) -> None:
    """Set a fixture for one test, without a trace in the test's id.

    By a marker, because pytest's own hook respects it: a fixture's parameters give way.
    """
    if name not in metafunc.fixturenames:
        metafunc.fixturenames.append(name)
    hidden = getattr(pytest, "HIDDEN_PARAM", "virtual")  # since pytest 8.4
    metafunc.definition.add_marker(pytest.mark.parametrize(name, [value], ids=[hidden]))


def _loop() -> Callable[[], object]:
    """Return what makes the loop; importing it costs, so the first test that needs it pays."""
    from healthkit.testing._virtual import VirtualLoop  # noqa: PLC0415  # see the docstring

    return VirtualLoop


def _is_coroutine(function: object) -> bool:
    return inspect.iscoroutinefunction(inspect.unwrap(function) if callable(function) else None)


def _chooses(item: pytest.Item, name: str) -> bool:
    """Whether a test's own marker sets a fixture."""
    return any(
        name in str(mark.args[0]).replace(" ", "").split(",")
        for mark in item.iter_markers("parametrize")
        if mark.args
    )


def _is_pytest_asyncios(item: pytest.Item) -> bool:
    """Whether pytest-asyncio has taken a test, or is about to."""
    if not item.config.pluginmanager.has_plugin("asyncio"):
        return False
    return _is_auto(item.config) or item.get_closest_marker("asyncio") is not None


def _is_auto(config: pytest.Config) -> bool:
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
    if not _is_coroutine(getattr(item, "function", None)):
        return "is no coroutine function: expected `async def`; or use healthkit.testing.run"
    if not item.config.pluginmanager.has_plugin("anyio"):
        return "anyio's plugin is off: expected it, so leave out `-p no:anyio`"
    if _is_pytest_asyncios(item) and not _is_auto(item.config):
        return f"has pytest-asyncio's marker: expected to be run by anyio; use it {_HOW}"
    return None


@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None]:
    """Let what ends the simulation surface in the test's own coroutine."""
    if MARK not in pyfuncitem.fixturenames or not _is_coroutine(pyfuncitem.obj):
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
