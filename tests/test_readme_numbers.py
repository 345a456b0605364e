"""What the README tells in tables and in sentences of numbers, held against the code."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from healthkit import Health, Probe, timing
from healthkit._checks import longest_cycle
from healthkit._run import LEAST_DELAY
from healthkit._settings import DRAIN_DELAY_IN_KUBERNETES, PRESETS
from healthkit._warmup import FIRST_RETRY, LONGEST_RETRY
from healthkit.cli import COMMANDS
from healthkit.timing import EXIT_RESERVE, PROXY_LAG, Timing
from tests.integration.test_access_log import SETUPS
from tests.scrapes import FAMILIES, OF_PODS
from tests.test_readme import README, YAML, table

if TYPE_CHECKING:
    from collections.abc import Callable

#: A probe's fields in a manifest, in the order of `Timing`, with the API server's defaults.
FIELDS: Final = {
    "initialDelaySeconds": 0,
    "periodSeconds": 10,
    "timeoutSeconds": 1,
    "successThreshold": 1,
    "failureThreshold": 3,
}


def default(function: Callable[..., object], name: str) -> Any:  # noqa: ANN401  # of any parameter
    """Return what a parameter is if nobody says."""
    return inspect.signature(function).parameters[name].default


def probes() -> dict[str, Timing]:
    """Return the probes of the manifest that goes with the smallest app."""
    (text,) = [text for text in YAML.findall(README) if text.startswith("apiVersion: apps/v1\n")]
    (container,) = yaml.safe_load(text)["spec"]["template"]["spec"]["containers"]
    return {
        kind: Timing(
            *(container[f"{kind}Probe"].get(name, usual) for name, usual in FIELDS.items())
        )
        for kind in ("startup", "liveness", "readiness")
    }


# -- tables ---------------------------------------------------------------------------------------


def test_the_parameters_of_a_check_are_those_of_health() -> None:
    """Each with its default."""
    rows = {row[0]: row[1] for row in table("| parameter |")}
    assert rows.keys() == inspect.signature(Health.check).parameters.keys() - {
        "self",
        "function",
        "name",
    }
    assert rows.pop("max_age") == "2 intervals + timeout"
    assert rows.pop("unknown") == "none"
    assert rows == {name: str(default(Health.check, name)).removesuffix(".0") for name in rows}


def test_the_paths_are_those_of_the_presets() -> None:
    """Each preset, and each probe."""
    head, *rows = [["preset", *Probe], *table("| preset |")]
    shown = {name: dict(zip(head[1:], paths, strict=True)) for name, *paths in rows}
    theirs = {
        name: {probe: paths[probe] or "" for probe in Probe} for name, paths in PRESETS.items()
    }
    assert shown == theirs
    assert "| preset | live | ready | startup | health |" in README


def test_the_metrics_are_those_that_are_served() -> None:
    """All of them, by the name that a query needs; those of several workers are told below it."""
    names = [name for row in table("| metric |") for name in re.findall(r"healthkit_\w+", row[0])]
    served = {f"{name}_total" if kind == "counter" else name for name, kind in FAMILIES.items()}
    assert sorted(names) == sorted(served)
    assert [name for name in OF_PODS if f"`{name}`" not in README] == []
    told = set(re.findall(r"`(healthkit_[a-z_]+)", README))
    assert sorted(told - served - OF_PODS.keys()) == []


def test_the_commands_are_those_that_there_are() -> None:
    """In the order of the help."""
    assert f"`healthkit {'|'.join(COMMANDS)}`, or `python -m healthkit`" in README


def test_the_access_logs_are_those_of_the_servers() -> None:
    """Each logger, and the option that has it write, are what the filter is tested with."""
    for (server, name, said), setup in zip(
        table("| server | logger |"), SETUPS.values(), strict=True
    ):
        assert server.split()[0] == setup.modules[0]
        assert setup.modules[-1] in server
        assert name == setup.logger
        (option,) = re.findall(r"^on with `([^ ]+)", f"{said}`") or [""]
        assert option.strip("`") in setup.options


# -- numbers --------------------------------------------------------------------------------------


def test_the_arithmetic_is_that_of_the_manifest() -> None:
    """What its numbers come to is computed."""
    rows = {row[0]: row[2] for row in table("| what | how |")}
    found = probes()
    boot = timing.guaranteed_boot(found["startup"])
    hang = timing.failed(found["liveness"])
    gone = timing.withdrawn(found["readiness"], 0)
    assert rows.pop("start-up may take").startswith(f"{boot:g} s for the app's own start-up")
    said = f"{hang.earliest:g} to {hang.latest:g} s"
    assert rows.pop("a hung process is killed after") == said
    said = f"{gone.earliest:g} to {gone.latest:g} s, long before liveness kills."
    assert rows.pop("a failing `/readyz` takes the pod out of the Service after").startswith(said)
    assert gone.latest < hang.earliest
    arrive = rows.pop("new connections still arrive after a pod's deletion")
    delay = DRAIN_DELAY_IN_KUBERNETES
    assert arrive.startswith(f"for up to {PROXY_LAG:g} s. The drain delay is {delay:g} s;")
    assert rows.keys() == {"the grace period must hold"}, "of which test_readme has the sum"


def test_a_failing_dependency_is_seen_in_time() -> None:
    """By a check's defaults, and then by readiness of the manifest above."""
    interval, timeout = default(Health.check, "interval"), default(Health.check, "timeout")
    seen = longest_cycle(interval, timeout)
    gone = timing.withdrawn(probes()["readiness"], 0).latest
    assert f"1.1 · {interval:g} + {timeout:g} = {seen:g} s at most" in README
    assert f"no new connection {gone:g} s after that, by the table above" in README


def test_the_picture_of_a_drain_is_that_of_the_settings() -> None:
    """Moment by moment, up to SIGKILL."""
    delay, timeout = DRAIN_DELAY_IN_KUBERNETES, default(Health, "drain_timeout")
    served, ended = delay + timeout, delay + timeout + EXIT_RESERVE
    line = re.search(r"^## The drain\n\n```text\n(.*)$", README, re.MULTILINE)
    assert line is not None
    assert re.split(r"\s{2,}", line[1]) == [
        "0 s",
        f"{PROXY_LAG:g} s",
        f"{delay:g} s",
        f"at most {served:g} s",
        f"at most {ended:g} s",
        f"{default(Health, 'grace_period'):g} s",
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        f"a cap that doubles from {FIRST_RETRY:g} s to {LONGEST_RETRY:g} s",
        f"the last of its `attempts` ({default(Health.startup, 'attempts')}) has failed",
        f"or `HEALTHKIT_DRAIN_DELAY`, or the workers' own, or {LEAST_DELAY:g} s.",
        f"`wait_for` gives up after {default(Health.wait_for, 'timeout'):g} s",
    ],
)
def test_a_sentence_has_the_number_of_the_code(sentence: str) -> None:
    """Word for word."""
    assert sentence in README
