"""The ECS example fits together: what stops a task, what withdraws it, and how long each takes.

Its fields were held against botocore's service models once, by hand; botocore is too big for that.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, cast

from healthkit import timing
from healthkit.timing import Timing
from tests.rendered import EXAMPLES

FOLDER: Final = EXAMPLES / "ecs"

#: What the app is said to take, in seconds.
BOOT: Final = 30
WARM_UP: Final = 60
LONGEST_REQUEST: Final = 15
#: uvicorn's --timeout-graceful-shutdown.
UVICORN: Final = 5
#: Fargate's (API_ContainerDefinition, stopTimeout).
LONGEST_STOP: Final = 120
#: An ALB's idle timeout, unless it is changed.
IDLE: Final = 60
#: What is left for a task's registration as a target.
REGISTRATION: Final = 10


def read(name: str) -> dict[str, Any]:
    """Read one of the files."""
    return cast("dict[str, Any]", json.loads((FOLDER / name).read_text(encoding="utf-8")))


README: Final = (FOLDER / "README.md").read_text(encoding="utf-8")
TASK: Final = read("task-definition.json")
(CONTAINER,) = TASK["containerDefinitions"]
ENVIRONMENT: Final = {each["name"]: each["value"] for each in CONTAINER["environment"]}
GROUP: Final = read("target-group.json")
SERVICE: Final = read("service.json")
ATTRIBUTES: Final = {
    each["Key"]: each["Value"] for each in read("target-group-attributes.json")["Attributes"]
}


def test_the_stop_is_long_enough_for_the_drain() -> None:
    """SIGKILL comes after the delay, the longest request and the server's own end."""
    delay, in_flight = (float(ENVIRONMENT[f"HEALTHKIT_DRAIN_{x}"]) for x in ("DELAY", "TIMEOUT"))
    assert in_flight == LONGEST_REQUEST
    needed = timing.grace_needed(delay, in_flight, timing.exit_needed(UVICORN))
    assert CONTAINER["stopTimeout"] == needed <= LONGEST_STOP
    assert CONTAINER["stopTimeout"] >= delay + in_flight + timing.EXIT_RESERVE
    assert ENVIRONMENT["HEALTHKIT_GRACE_PERIOD"] == str(CONTAINER["stopTimeout"])
    assert f"= {needed:g} s." in README


def test_sigterm_begins_a_drain() -> None:
    """ECS has no hooks: the parent gets the signal, and the server a limit of its own."""
    words: list[str] = CONTAINER["command"]
    assert words[:4] == ["healthkit", "run", "--", "uvicorn"]
    assert words[words.index("--timeout-graceful-shutdown") + 1] == str(UVICORN)
    assert int(words[words.index("--timeout-keep-alive") + 1]) > IDLE
    assert ENVIRONMENT["HEALTHKIT_WORKERS"] == "1"


def test_the_load_balancer_asks_what_may_kill() -> None:
    """Whatever it asks kills, so it asks for what leaves the dependencies out."""
    assert GROUP["HealthCheckPath"] == "/healthz"
    assert GROUP["Matcher"] == {"HttpCode": "200"}
    assert GROUP["TargetType"] == "ip"
    assert GROUP["HealthCheckTimeoutSeconds"] < GROUP["HealthCheckIntervalSeconds"]


def test_a_hang_is_told_from_a_pause() -> None:
    """Both verdicts come after the same time, which is the README's."""
    check = CONTAINER["healthCheck"]
    container = Timing(0, check["interval"], check["timeout"], 1, check["retries"])
    group = Timing(
        0,
        GROUP["HealthCheckIntervalSeconds"],
        GROUP["HealthCheckTimeoutSeconds"],
        GROUP["HealthyThresholdCount"],
        GROUP["UnhealthyThresholdCount"],
    )
    for times in (container, group):
        span = timing.failed(times)
        assert span.earliest >= 20
        f, p, t = times.failure_threshold, times.period, times.timeout
        assert f"({f} - 1) * {p} s + {t} s = {span.earliest:g} s, up to {p} s more" in README


def test_nothing_is_stopped_while_it_starts() -> None:
    """The container's check waits for the boot, the service for the warm-up and the ALB."""
    assert CONTAINER["healthCheck"]["startPeriod"] > BOOT
    asked = GROUP["HealthyThresholdCount"] * GROUP["HealthCheckIntervalSeconds"]
    needed = timing.start_needed(BOOT, warm_up=WARM_UP) + asked + GROUP["HealthCheckTimeoutSeconds"]
    assert f"= {needed:g} s, and {REGISTRATION} s for the registration" in README
    assert SERVICE["healthCheckGracePeriodSeconds"] == needed + REGISTRATION


def test_a_deregistered_target_may_finish() -> None:
    """The longest request has its time; a deployment does not wait for five minutes."""
    delay = int(ATTRIBUTES["deregistration_delay.timeout_seconds"])
    assert LONGEST_REQUEST < delay < 300


def test_the_files_are_about_one_app() -> None:
    """The names and ports that they share are the same, and what is written to is mounted."""
    (balancer,) = SERVICE["loadBalancers"]
    (port,) = CONTAINER["portMappings"]
    assert balancer["containerName"] == CONTAINER["name"]
    assert balancer["containerPort"] == port["containerPort"] == GROUP["Port"]
    assert balancer["targetGroupArn"] == read("target-group-attributes.json")["TargetGroupArn"]
    assert SERVICE["taskDefinition"] == TASK["family"]
    mounts = {each["sourceVolume"]: each["containerPath"] for each in CONTAINER["mountPoints"]}
    assert {each["name"] for each in TASK["volumes"]} == set(mounts)
    assert ENVIRONMENT["HEALTHKIT_STATE_DIR"] in mounts.values()


def test_the_readme_has_a_reason_for_each_number() -> None:
    """What the JSON can't say is beside it, with the value that the JSON has."""
    rows = re.finditer(r"^\| `(\w+)` \| `?(\S+?)`? \|", README, re.MULTILINE)
    shown = {row[1]: row[2] for row in rows}
    assert shown["stopTimeout"] == str(CONTAINER["stopTimeout"])
    assert shown["startPeriod"] == str(CONTAINER["healthCheck"]["startPeriod"])
    assert shown["HealthCheckPath"] == GROUP["HealthCheckPath"]
    assert shown["healthCheckGracePeriodSeconds"] == str(SERVICE["healthCheckGracePeriodSeconds"])
    assert {key: shown[key] for key in ENVIRONMENT if key in shown} == {
        key: value for key, value in ENVIRONMENT.items() if key in shown
    }
