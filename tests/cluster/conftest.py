"""A namespace of its own for each run, with a client pod in it; deleted at the end.

The environment is read before any test has changed it. Without a cluster every test of one is
skipped, with one reason. With one that can't be used, nothing more is tried: one line says why.
"""

from __future__ import annotations

import os
import sys
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

import pytest

from tests.cluster import objects
from tests.cluster.cluster import Cluster, CommandError, until
from tests.cluster.hand import Hand
from tests.cluster.release import RUNNING, Release
from tests.cluster.settings import MissingError, Settings, settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

#: Seconds for all that is left in the namespace to end: pods have a grace of 30 s.
DELETED: Final = 150.0

#: What every pod of the suite imports.
NEEDED: Final = ("healthkit", "uvicorn")


def _given() -> Settings | str:
    try:
        return settings(os.environ)
    except MissingError as exc:
        return f"no cluster: {exc}"


_GIVEN: Final = _given()

#: What a failing test tells of. One per process.
_CLUSTERS: Final[list[Cluster]] = []


class Install(Protocol):
    """Installs the chart under a name, with values as `objects.values` takes them."""

    def __call__(
        self, name: str, env: Mapping[str, str] | None = None, *, workers: int = 1, **more: object
    ) -> Release:
        """Return the release, whose pods need not run yet."""
        ...


@pytest.fixture(scope="session")
def cluster() -> Generator[Cluster]:
    """Make a namespace, and delete it whatever happens."""
    if isinstance(_GIVEN, str):
        pytest.skip(_GIVEN)
    found = Cluster(_GIVEN, f"healthkit-e2e-{uuid.uuid4().hex[:8]}")
    try:
        found.reached()
        found.apply(objects.namespace(found.namespace, _GIVEN))
    except CommandError as exc:
        _give_up(str(exc))
    _CLUSTERS.append(found)
    try:
        yield found
    finally:
        _CLUSTERS.remove(found)
        found.delete("namespace", found.namespace, "--ignore-not-found")
        gone = f"the end of namespace {found.namespace}"
        until(gone, lambda: not found.exists("namespace", found.namespace), DELETED)


def _give_up(why: str) -> NoReturn:
    """End the run: every test would fail, each after a while, for this one reason."""
    pytest.exit(f"tests/cluster can't run: {why}", returncode=1)


@pytest.fixture(scope="session")
def hand(cluster: Cluster) -> Hand:
    """Make the client pod, and wait until it answers."""
    cluster.apply(objects.config_map())
    client = Hand(cluster)

    def made() -> bool:
        # A new namespace has no ServiceAccount for a moment, and no pod can be made without one.
        cluster.apply(objects.client(cluster.settings))
        return True

    try:
        until("the client pod's creation", made, RUNNING)
        until("an answer of the client pod", client.is_there, RUNNING)
        lacks = list(_lacks(cluster.settings, client))
    except (AssertionError, CommandError) as exc:
        sys.stderr.write(f"{cluster.told()}\n")
        _give_up(f"{exc}; what the cluster says is above")
    if lacks:
        _give_up("; ".join(lacks))
    return client


def _lacks(given: Settings, client: Hand) -> Iterator[str]:
    """Say what the pods could not import."""
    mounted = f" with HEALTHKIT_E2E_MOUNT {given.mount}" if given.mount else ""
    where = f"image {given.image}{mounted}, as user {given.user}"
    for name in NEEDED:
        if why := client.why_not(name):
            yield f"{where}: can't import {name} ({why})"


@pytest.fixture
def install(cluster: Cluster, hand: Hand) -> Generator[Install]:
    """Install releases, and take them away at the end of the test."""
    names: list[str] = []

    def installed(
        name: str, env: Mapping[str, str] | None = None, *, workers: int = 1, **more: object
    ) -> Release:
        names.append(name)
        values = objects.values(cluster.settings, name, env, workers=workers, **more)
        cluster.install(name, values)
        return Release(cluster, hand, name)

    yield installed
    with suppress(CommandError):  # what ends in vain is the next test's to tell
        hand.quiet()
    for name in names:
        _uninstall(cluster, name)


def _uninstall(cluster: Cluster, name: str) -> None:
    """Take a release away; one whose install has failed may not be there."""
    try:
        cluster.uninstall(name)
    except CommandError as exc:
        if "not found" not in str(exc):
            raise


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a cluster, leave one of its tests, whose skip says why for all of them."""
    of_a_cluster = [item for item in items if item.get_closest_marker("cluster")]
    if isinstance(_GIVEN, str) and of_a_cluster:
        config.hook.pytest_deselected(items=of_a_cluster[1:])
        left_out = set(of_a_cluster[1:])
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have a failing test tell all that the cluster knows, while it is still there."""
    report = yield
    if report.failed and call.when != "teardown" and item.get_closest_marker("cluster"):
        told = [(f"the cluster: {one.namespace}", one.told()) for one in _CLUSTERS]
        report.sections.extend(told)
    return report
