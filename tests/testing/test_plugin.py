"""The plugin, in runs of pytest of its own: whoever else is there, a kubelet's test is virtual."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

#: In the place of the real one: what the plugin asks of it, and nothing else.
CONFTEST = """
import sys, types

class Kubelet:
    def __init__(self, clock):
        self.clock = clock
    def timelines(self):
        return "web-0: 0.0 s started"
    async def close(self):
        print("closed at", self.clock.now())

module = types.ModuleType("healthkit.testing._kubelet")
module.Kubelet = Kubelet
sys.modules[module.__name__] = module
"""

#: What any set-up must be able to run.
TESTS = """
import asyncio
import pytest

@pytest.fixture
async def slow():
    await asyncio.sleep(10)
    yield asyncio.get_running_loop()
    await asyncio.sleep(10)

@pytest.fixture
async def started(kubelet):
    await asyncio.sleep(5)
    return kubelet

async def test_plain(kubelet):
    await asyncio.sleep(3600)
    assert kubelet.clock.now() == 3600

@pytest.mark.parametrize("n", [1, 2])
async def test_parameters(kubelet, n):
    await asyncio.sleep(n)

class TestClass:
    async def test_method(self, kubelet):
        await asyncio.sleep(60)

async def test_same_loop(slow, kubelet):
    assert slow is asyncio.get_running_loop()

async def test_by_another_fixture(started):
    assert started.clock.now() == 5

@pytest.mark.usefixtures("kubelet")
async def test_by_its_name():
    await asyncio.sleep(3600)

def test_without():
    pass
"""
IDS = [
    "TestClass::test_method",
    "test_by_another_fixture",
    "test_by_its_name",
    "test_parameters[1]",
    "test_parameters[2]",
    "test_plain",
    "test_same_loop",
    "test_without",
]

ASYNCIO = ("-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function")
has_pytest_asyncio = pytest.mark.skipif(
    importlib.util.find_spec("pytest_asyncio") is None, reason="pytest-asyncio is not installed"
)
has_xdist = pytest.mark.skipif(
    importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed"
)


#: A test with a loop of its own choice.
CHOOSES = """
import pytest

@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_it(kubelet, anyio_backend):
    pass
"""


def play(pytester: pytest.Pytester, tests: str, *options: str, conftest: str = "") -> str:
    """Run tests in a directory of their own, with these plugins only; return what is printed.

    In this process, but for xdist, which starts others.
    """
    pytester.makeconftest(CONFTEST + conftest)
    pytester.makepyfile(test_it=tests)
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    arguments = ["-rA", "--no-header", "--strict-markers", "-p", "no:cacheprovider"]
    arguments += ["-p", "healthkit.testing.plugin", *options]
    if "xdist" in options:
        done = pytester.runpytest_subprocess(*arguments, timeout=600)
    else:
        done = pytester.runpytest_inprocess(*arguments)
    return f"{done.stdout}\n{done.stderr}"


@pytest.fixture(autouse=True)
def _nobody_else_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run have the plugins that it names."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", _root())


def _root() -> str:
    spec = importlib.util.find_spec("healthkit")
    assert spec is not None
    assert spec.origin is not None
    return spec.origin.removesuffix("/healthkit/__init__.py")


def passed(output: str) -> list[str]:
    """Return the tests that have passed."""
    lines = output.splitlines()
    return sorted(one.partition("::")[2] for one in lines if one.startswith("PASSED"))


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["-p", "anyio.pytest_plugin"], id="anyio"),
        pytest.param(["-p", "anyio.pytest_plugin", "-o", "anyio_mode=auto"], id="anyio-auto"),
        pytest.param(
            ["-p", "anyio.pytest_plugin", *ASYNCIO], id="strict", marks=has_pytest_asyncio
        ),
        pytest.param(
            ["-p", "anyio.pytest_plugin", *ASYNCIO, "--asyncio-mode=auto"],
            id="auto",
            marks=has_pytest_asyncio,
        ),
        pytest.param(
            ["-p", "anyio.pytest_plugin", "-p", "xdist", "-n2"], id="xdist", marks=has_xdist
        ),
    ],
)
def test_whoever_else_is_there(pytester: pytest.Pytester, options: list[str]) -> None:
    """Each test passes in virtual time, and has the name that it always had."""
    output = play(pytester, TESTS, *options)
    assert passed(output) == IDS, output


def test_a_projects_own_backend_is_left_to_its_other_tests(pytester: pytest.Pytester) -> None:
    """It may be trio, for the whole session."""
    conftest = """
import pytest

@pytest.fixture(scope="session")
def anyio_backend():
    return "trio"
"""
    tests = """
import asyncio, pytest, trio

async def test_ours(kubelet):
    await asyncio.sleep(3600)

@pytest.mark.anyio
async def test_theirs():
    await trio.sleep(0)
"""
    output = play(pytester, tests, "-p", "anyio.pytest_plugin", conftest=conftest)
    assert passed(output) == ["test_ours", "test_theirs"], output


def test_a_kubelet_of_the_projects_own_is_left_alone(pytester: pytest.Pytester) -> None:
    """The name is not ours."""
    tests = """
import pytest

@pytest.fixture
def kubelet():
    return "theirs"

def test_it(kubelet):
    assert kubelet == "theirs"
"""
    assert passed(play(pytester, tests, "-p", "anyio.pytest_plugin")) == ["test_it"]


def test_a_failure_shows_what_the_pods_did(pytester: pytest.Pytester) -> None:
    """And what ended the simulation, in the test that awaited it; the fixtures still end."""
    tests = """
import asyncio

async def test_asserts(kubelet):
    assert False, "not this"

async def test_hangs(kubelet):
    await asyncio.Event().wait()

async def test_raises(kubelet):
    kubelet.clock.call_at(3, lambda: 1 / 0)
    await asyncio.sleep(10)

async def test_passes(kubelet):
    pass
"""
    output = play(pytester, tests, "-p", "anyio.pytest_plugin")
    assert output.count("---- pods ----") == 3, output
    assert output.count("web-0: 0.0 s started") == 3
    assert output.count("closed at") == 4
    assert "FAILED test_it.py::test_raises - ZeroDivisionError" in output
    assert "StuckError: deadlock at 0 s" in output
    assert "ERROR" not in output


@pytest.mark.parametrize(
    ("tests", "options", "said"),
    [
        ("def test_it(kubelet): pass", ["anyio.pytest_plugin"], "is no coroutine function"),
        ("async def test_it(kubelet): pass", ["no:anyio"], "finds anyio's plugin off"),
        (
            CHOOSES,
            ["anyio.pytest_plugin"],
            "expected the test's own loop in virtual time",
        ),
        pytest.param(
            "import pytest\n@pytest.mark.asyncio\nasync def test_it(kubelet): pass",
            ["anyio.pytest_plugin", "pytest_asyncio.plugin"],
            "has pytest-asyncio's marker",
            marks=has_pytest_asyncio,
        ),
    ],
)
def test_what_cannot_work_is_said_in_one_line(
    pytester: pytest.Pytester, tests: str, options: list[str], said: str
) -> None:
    """Without a traceback."""
    plugins = [part for one in options for part in ("-p", one)]
    more = ["-o", "asyncio_default_fixture_loop_scope=function"] if len(options) > 1 else []
    output = play(pytester, tests, *plugins, *more)
    assert said in output, output
    assert "Traceback" not in output
    assert "1 error" in output


LOOP_FACTORIES = """
import asyncio

def pytest_asyncio_loop_factories(config, item):
    return {"own": asyncio.SelectorEventLoop}
"""


@has_pytest_asyncio
def test_where_a_project_makes_its_own_loops_it_says_so(pytester: pytest.Pytester) -> None:
    """In pytest-asyncio's auto mode; two can't both choose."""
    options = ("-p", "anyio.pytest_plugin", *ASYNCIO, "--asyncio-mode=auto")
    tests = "async def test_it(kubelet): pass"
    output = play(pytester, tests, *options, conftest=LOOP_FACTORIES)
    assert "expected the test's own loop in virtual time" in output, output
    assert "1 passed" not in output


def test_loading_it_imports_next_to_nothing() -> None:
    """Every run of pytest pays for it, in every project that has healthkit."""
    code = (
        "import sys, pytest; before = set(sys.modules); import healthkit.testing.plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(  # noqa: S603  # this Python
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=_root()
    )
    assert done.stdout.split() == ["healthkit", "healthkit.testing", "healthkit.testing.plugin"]
