"""The settings: from the code, from the environment, and refused when they are wrong."""

from __future__ import annotations

import inspect
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from healthkit import Health
from healthkit._model import Probe
from healthkit._settings import _KINDS, Settings, placed, read
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: DESIGN.md's defaults; None is: by the place.
DEFAULTS: dict[str, object] = {
    "drain_delay": None,
    "drain_timeout": 15.0,
    "grace_period": 30.0,
    "readyz_while_draining": 503,
    "paths": "kubernetes",
    "reject_while_starting": False,
    "retry_after": 5,
    "metrics_path": None,
    "state_dir": None,
    "workers": None,
    "websocket_close_code": 1012,
    "stream_jitter": 1.0,
    "prestop_path": None,
    "prestop_token": None,
}

#: What is neither a number nor a word nor a path.
IN_CODE_ONLY: dict[str, object] = {
    "metrics_registry": None,
    "long_lived": None,
    "show_reasons": None,
}

#: What is set by the deployment, or by another object than Health.
IN_ENVIRONMENT: dict[str, object] = {"readiness_gate": None}

PATHS_EXPECTED = (
    "a preset (kubernetes, microprofile, spring, dockerflow)"
    " or, in code, a mapping of probe to path"
)

KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}

#: What Kubernetes puts into each pod beside a Service that is called healthkit.
INJECTED = {
    "HEALTHKIT_PORT": "tcp://10.96.7.7:80",
    "HEALTHKIT_PORT_80_TCP": "tcp://10.96.7.7:80",
    "HEALTHKIT_PORT_80_TCP_ADDR": "10.96.7.7",
    "HEALTHKIT_SERVICE_HOST": "10.96.7.7",
    "HEALTHKIT_SERVICE_PORT": "80",
}


def _read(environ: Mapping[str, str] | None = None, **code: object) -> Settings:
    return read(DEFAULTS | IN_ENVIRONMENT | code, environ or {})


def _lines(found: Settings, level: int) -> list[str]:
    return [line for noted, line in found.notes if noted == level]


def _probes(paths: object) -> dict[Probe, str]:
    return {probe: path for path, probe in _read(paths=paths).paths.items()}


# -- where values come from ------------------------------------------------------------------------


def test_every_keyword_of_health_is_a_setting_with_the_designed_default() -> None:
    """No setting is out of the deployment's reach, and none has two defaults."""
    parameters = inspect.signature(Health).parameters
    assert {name: each.default for name, each in parameters.items()} == DEFAULTS | IN_CODE_ONLY
    assert list(_KINDS) == [*DEFAULTS, *IN_ENVIRONMENT]


def test_no_setting_can_be_set_by_a_service() -> None:
    """Injected variables have PORT or SERVICE in their names; no setting may look like one."""
    assert not [name for name in _KINDS if re.search(r"(^|_)(port|host|service)(_|$)", name)]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("drain_delay", 0, 0.0),
        ("drain_delay", 7.5, 7.5),
        ("drain_timeout", 0, 0.0),
        ("grace_period", 86_400, 86_400.0),
        ("readyz_while_draining", 200, 200),
        ("readyz_while_draining", 503, 503),
        ("paths", {"live": "/alive", "ready": None, "startup": None, "health": None}, None),
        ("reject_while_starting", True, True),
        ("retry_after", 0, 0),
        ("retry_after", 60, 60),
    ],
)
def test_the_code_sets_a_value(name: str, value: object, expected: object) -> None:
    """A right value is in force as it was written."""
    found = getattr(read(DEFAULTS | {name: value}, {}), name)
    assert found == ({"/alive": Probe.LIVE} if name == "paths" else expected)


@pytest.mark.parametrize(
    ("name", "code", "text", "expected"),
    [
        ("drain_delay", 1.0, "3", 3.0),
        ("drain_delay", 1.0, "0", 0.0),
        ("drain_delay", None, "2.5", 2.5),
        ("drain_timeout", 1.0, " 20 ", 20.0),
        ("grace_period", 60.0, "6e1", 60.0),
        ("readyz_while_draining", 503, "200", 200),
        ("paths", {"ready": "/r"}, "kubernetes", None),
        ("retry_after", 5, "30", 30),
        *[("reject_while_starting", False, text, True) for text in ("1", "true", "YES", "On")],
        *[("reject_while_starting", True, text, False) for text in ("0", "False", "no", "OFF")],
    ],
)
def test_the_environment_wins_and_is_logged(
    name: str, code: object, text: str, expected: object
) -> None:
    """The deployment knows its grace period; whoever reads the log sees why the code's is not."""
    variable = f"HEALTHKIT_{name.upper()}"
    found = read(DEFAULTS | {name: code}, {variable: text})
    wanted = _read().paths if name == "paths" else expected
    assert getattr(found, name) == wanted
    assert type(getattr(found, name)) is type(wanted)
    assert _lines(found, logging.INFO) == [f"{variable}={text!r} is set and wins over the code"]


def test_nothing_is_noted_without_a_reason() -> None:
    """The defaults fit each other, in Kubernetes and outside."""
    assert _read().notes == ()
    assert _read(KUBERNETES).notes == ()


@pytest.mark.parametrize(
    ("environ", "code", "expected"),
    [
        ({}, None, 0.0),
        (KUBERNETES, None, 5.0),
        (KUBERNETES, 0, 0.0),
        ({}, 2, 2.0),
        (KUBERNETES | {"HEALTHKIT_DRAIN_DELAY": "0"}, None, 0.0),
    ],
)
def test_the_drain_delay_is_for_kubernetes(
    environ: Mapping[str, str], code: float | None, expected: float
) -> None:
    """Nobody has endpoints to wait for on a laptop; whoever names a delay gets it."""
    assert _read(environ, drain_delay=code).drain_delay == expected


# -- wrong values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("drain_delay", -1, "seconds as a number from 0 to 86400"),
        ("drain_delay", "5", "seconds as a number from 0 to 86400"),
        ("drain_delay", True, "seconds as a number from 0 to 86400"),
        ("drain_timeout", float("nan"), "seconds as a number from 0 to 86400"),
        ("drain_timeout", float("inf"), "seconds as a number from 0 to 86400"),
        ("drain_timeout", None, "seconds as a number from 0 to 86400"),
        ("grace_period", 0, "seconds as a number above 0 to 86400"),
        ("grace_period", 30_000_000, "seconds as a number above 0 to 86400"),
        ("readyz_while_draining", 204, "503 or 200"),
        ("readyz_while_draining", "200", "503 or 200"),
        ("readyz_while_draining", [200], "503 or 200"),
        ("readyz_while_draining", True, "503 or 200"),
        ("paths", "spring boot", PATHS_EXPECTED),
        ("paths", None, PATHS_EXPECTED),
        ("paths", ["/livez"], PATHS_EXPECTED),
        ("reject_while_starting", "no", "True or False"),
        ("reject_while_starting", 0, "True or False"),
        ("retry_after", -1, "a whole number from 0 to 86400"),
        ("retry_after", 5.0, "a whole number from 0 to 86400"),
        ("retry_after", True, "a whole number from 0 to 86400"),
        ("websocket_close_code", 999, "a whole number from 1000 to 4999"),
        *(
            (
                "websocket_close_code",
                code,
                "a code that may be sent: 1000 to 1003, 1007 to 1014, 3000 to 4999",
            )
            for code in (1004, 1005, 1006, 1015, 1016, 2999)
        ),
        ("stream_jitter", -1, "seconds as a number from 0 to 86400"),
    ],
)
def test_a_wrong_value_in_the_code_is_refused(name: str, value: object, expected: str) -> None:
    """One line: the name, the value, what was expected."""
    with pytest.raises(ConfigError) as caught:
        read(DEFAULTS | {name: value}, {})
    assert str(caught.value) == f"{name}={value!r}: expected {expected}"


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("drain_delay", "", "''"),
        ("drain_delay", "5s", "'5s'"),
        ("drain_delay", "-1", "-1"),
        ("drain_timeout", "nan", "nan"),
        ("drain_timeout", "1\n2", r"'1\n2'"),
        ("grace_period", "0", "0"),
        ("grace_period", "1e9", "1000000000.0"),
        ("readyz_while_draining", "204", "204"),
        ("readyz_while_draining", "ok", "'ok'"),
        ("paths", "/livez", "'/livez'"),
        ("paths", "", "''"),
        ("reject_while_starting", "2", "'2'"),
        ("reject_while_starting", "", "''"),
        ("retry_after", "1.5", "1.5"),
        ("retry_after", "-1", "-1"),
    ],
)
def test_a_wrong_value_in_the_environment_is_refused(name: str, text: str, shown: str) -> None:
    """The message names the variable, for that is where the value is to be corrected."""
    variable = f"HEALTHKIT_{name.upper()}"
    with pytest.raises(ConfigError) as caught:
        _read({variable: text})
    message = str(caught.value)
    assert message.startswith(f"{variable}={shown}: expected ")
    assert "\n" not in message


def test_a_number_too_long_for_a_float_is_refused() -> None:
    """A slip of the keyboard is a wrong value, not an OverflowError."""
    with pytest.raises(ConfigError, match="^HEALTHKIT_GRACE_PERIOD=9999"):
        _read({"HEALTHKIT_GRACE_PERIOD": "9" * 400})


def test_a_wrong_value_in_the_code_is_refused_though_the_environment_overrides_it() -> None:
    """It would come to light on the day that the variable goes."""
    with pytest.raises(ConfigError, match="^drain_delay=-1: "):
        _read({"HEALTHKIT_DRAIN_DELAY": "5"}, drain_delay=-1)


# -- warnings --------------------------------------------------------------------------------------


def test_an_unknown_variable_is_warned_about_with_the_nearest_name() -> None:
    """A slip of the pen does not stop the pod; the log says what was probably meant."""
    found = _read({"HEALTHKIT_DRAIN_DELY": "9", "HEALTHKIT_GRACE": "secret", "OTHER": "1"})
    (line,) = _lines(found, logging.WARNING)
    assert line == (
        "ignored, no settings of healthkit: "
        "HEALTHKIT_DRAIN_DELY (the nearest setting is HEALTHKIT_DRAIN_DELAY), "
        "HEALTHKIT_GRACE (the nearest setting is HEALTHKIT_GRACE_PERIOD)"
    )
    assert found.drain_delay == 0.0


def test_what_a_service_injects_changes_nothing() -> None:
    """A Service called healthkit is warned about by names, and every setting is as before."""
    found = _read(INJECTED)
    (line,) = _lines(found, logging.WARNING)
    assert all(f"{name} (the nearest setting is HEALTHKIT_" in line for name in INJECTED)
    assert "10.96.7.7" not in line
    assert "\n" not in line
    assert [getattr(found, name) for name in _KINDS] == [getattr(_read(), name) for name in _KINDS]


@pytest.mark.parametrize(
    ("delay", "timeout", "grace", "fits"),
    [(10, 15, 30, True), (10.5, 15, 30, False), (5, 50, 60, True), (0, 0, 4, False)],
)
def test_a_drain_that_outlasts_the_grace_period_is_warned_about(
    delay: float, timeout: float, grace: float, fits: bool
) -> None:
    """Delay, timeout and 5 s for the exit must fit, to the second."""
    found = _read(drain_delay=delay, drain_timeout=timeout, grace_period=grace)
    lines = _lines(found, logging.WARNING)
    if fits:
        assert lines == []
        return
    needed = delay + timeout + 5
    assert len(lines) == 1
    assert lines[0].startswith(
        f"drain_delay={delay:g} + drain_timeout={timeout:g} + 5 s for the exit = {needed:g} s "
        f"do not fit grace_period={grace:g}: raise terminationGracePeriodSeconds"
    )


def test_the_drain_is_compared_as_the_environment_sets_it() -> None:
    """What counts are the settings in force, not those in the code."""
    assert _lines(_read({"HEALTHKIT_GRACE_PERIOD": "10"}), logging.WARNING)
    assert not _lines(_read({"HEALTHKIT_GRACE_PERIOD": "60"}, drain_timeout=50), logging.WARNING)


# -- paths -----------------------------------------------------------------------------------------


def test_the_preset_is_kubernetes_own() -> None:
    """The paths of the API server, and /startupz and /healthz beside them."""
    assert _read().paths == {
        "/livez": Probe.LIVE,
        "/readyz": Probe.READY,
        "/startupz": Probe.STARTUP,
        "/healthz": Probe.HEALTH,
    }


def test_a_mapping_changes_what_it_names() -> None:
    """Words and members are the same; what is left out stays as it is."""
    wanted = {"live": "/alive", Probe.READY: "/go/now"}
    expected = {"live": "/alive", "ready": "/go/now", "startup": "/startupz", "health": "/healthz"}
    assert _probes(wanted) == expected


def test_none_switches_a_probe_off() -> None:
    """Its path belongs to the app again, or to another probe."""
    assert _probes(dict.fromkeys(Probe)) == {}
    assert _probes({"ready": None, "health": "/readyz"})[Probe.HEALTH] == "/readyz"
    assert Probe.READY not in _probes({"ready": None})


@pytest.mark.parametrize(
    ("paths", "pair"),
    [
        ({"live": "/readyz"}, "live and ready overlap at '/readyz'"),
        ({"startup": "/x", "health": "/x"}, "startup and health overlap at '/x'"),
        ({"ready": "/livez"}, "live and ready overlap at '/livez'"),
    ],
)
def test_two_probes_at_one_path_are_refused(paths: Mapping[str, str], pair: str) -> None:
    """One of the two would never be asked."""
    with pytest.raises(ConfigError, match=f"^paths: {re.escape(pair)}: expected a path each$"):
        _read(paths=paths)


@pytest.mark.parametrize("probe", ["ready", "startup", "health"])
@pytest.mark.parametrize("live", [None, "/alive"])
def test_no_other_probe_answers_at_livez(probe: str, live: str | None) -> None:
    """Whoever asks there kills by the answer, also when liveness is elsewhere."""
    with pytest.raises(ConfigError, match=f"^paths: {probe} at '/livez': expected only liveness"):
        _read(paths={"live": live, probe: "/livez"})


@pytest.mark.parametrize("probe", ["ready", "startup", "health"])
def test_no_other_probe_answers_at_livez_below_a_root_path(probe: str) -> None:
    """Paths match with the root path too: /api/livez is liveness behind ``root_path="/api"``."""
    with pytest.raises(ConfigError, match=f"^paths: {probe} at '/api/livez': expected only live"):
        _read(paths={probe: "/api/livez"})


@pytest.mark.parametrize(
    "path",
    [
        "",
        "livez",
        "http://pod/livez",
        "/live z",
        "/livez?verbose",
        "/livez#x",
        "/live%7A",
        "/livez\n",
        "/\x00",
        "/live\u200bz",
        b"/livez",
        True,
        5,
    ],
)
@pytest.mark.parametrize("probe", ["live", Probe.READY])
def test_what_no_request_can_ask_for_is_refused(probe: str, path: object) -> None:
    """A query, an escape or a space never matches: the probe would be gone without a word."""
    with pytest.raises(ConfigError) as caught:
        _read(paths={probe: path})
    expected = f"paths[{str(probe)!r}]={path!r}: expected a path such as '/livez': beginning with "
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["liveness", "livez", "", 1, None, ("live",)])
def test_what_is_no_probe_is_refused(key: object) -> None:
    """The message lists the four that are."""
    line = f"paths key={key!r}: expected one of live, ready, startup, health"
    with pytest.raises(ConfigError, match=f"^{re.escape(line)}$"):
        _read(paths={key: "/x"})


def test_the_path_table_is_not_the_callers_mapping() -> None:
    """What the caller does to the mapping later changes no path."""
    wanted = {"ready": "/r"}
    found = _read(paths=wanted)
    wanted["ready"] = "/elsewhere"
    assert "/r" in found.paths


PRESET_TABLES = {
    "microprofile": {
        "/health/live": Probe.LIVE,
        "/health/ready": Probe.READY,
        "/health/started": Probe.STARTUP,
        "/health": Probe.HEALTH,
    },
    "spring": {
        "/actuator/health/liveness": Probe.LIVE,
        "/actuator/health/readiness": Probe.READY,
        "/actuator/health/startup": Probe.STARTUP,
        "/actuator/health": Probe.HEALTH,
    },
    "dockerflow": {"/__lbheartbeat__": Probe.LIVE, "/__heartbeat__": Probe.READY},
}


@pytest.mark.parametrize(("name", "table"), PRESET_TABLES.items())
def test_the_presets_of_other_worlds(name: str, table: Mapping[str, Probe]) -> None:
    """Their paths, by name, in the code and by a variable; probes they lack are off."""
    assert _read(paths=name).paths == table
    assert _read({"HEALTHKIT_PATHS": name}, paths={"live": "/alive"}).paths == table


@pytest.mark.parametrize("name", PRESET_TABLES)
def test_a_preset_is_a_constant(name: str) -> None:
    """What a caller is given can't be written to."""
    with pytest.raises(TypeError):
        _read(paths=name).paths["/livez"] = Probe.READY  # type: ignore[index]  # what is refused


# -- the metrics' path -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "environ", "expected"),
    [
        (None, {}, None),
        ("/metrics", {}, "/metrics"),
        (None, {"HEALTHKIT_METRICS_PATH": "/m"}, "/m"),
        ("/metrics", {"HEALTHKIT_METRICS_PATH": "/m"}, "/m"),
        ("/metrics", {"HEALTHKIT_METRICS_PATH": ""}, None),
    ],
)
def test_the_metrics_have_a_path_or_none(
    code: str | None, environ: Mapping[str, str], expected: str | None
) -> None:
    """An empty variable switches them off."""
    assert _read(environ, metrics_path=code).metrics_path == expected


# -- the drain over HTTP ---------------------------------------------------------------------------

TOKEN = "correct-horse-battery"  # noqa: S105  # the one to look for


@pytest.mark.parametrize(
    ("code", "environ", "path"),
    [
        pytest.param({}, {}, None, id="off"),
        pytest.param({"prestop_token": TOKEN}, {}, "/prestop", id="a token is enough"),
        pytest.param({"prestop_token": TOKEN, "prestop_path": "/d"}, {}, "/d", id="both"),
        pytest.param({"prestop_path": "/d"}, {}, None, id="a path alone"),
        pytest.param(
            {"prestop_path": "/d"}, {"HEALTHKIT_PRESTOP_TOKEN": TOKEN}, "/d", id="one of each"
        ),
        pytest.param(
            {"prestop_token": "another-horse-battery"},
            {"HEALTHKIT_PRESTOP_TOKEN": TOKEN, "HEALTHKIT_PRESTOP_PATH": "/e"},
            "/e",
            id="variables win",
        ),
        pytest.param(
            {"prestop_token": TOKEN}, {"HEALTHKIT_PRESTOP_TOKEN": ""}, None, id="no token: off"
        ),
        pytest.param(
            {"prestop_token": TOKEN, "prestop_path": "/d"},
            {"HEALTHKIT_PRESTOP_PATH": ""},
            None,
            id="no path: off",
        ),
    ],
)
def test_the_drain_over_http_takes_a_token(
    code: dict[str, object], environ: dict[str, str], path: str | None
) -> None:
    """Without one there is none; an empty variable switches it off."""
    found = _read(environ, **code)
    assert (found.prestop_path, found.prestop_token) == (path, None if path is None else TOKEN)


@pytest.mark.parametrize(
    ("code", "environ", "lines"),
    [
        ({}, {}, []),
        ({"prestop_token": TOKEN}, {}, []),
        ({"prestop_path": "/d"}, {}, ["prestop_path='/d' without prestop_token: "]),
        (
            {"prestop_path": "/d", "prestop_token": TOKEN},
            {"HEALTHKIT_PRESTOP_TOKEN": ""},
            ["prestop_path='/d' without prestop_token: "],
        ),
        ({"prestop_path": "/d"}, {"HEALTHKIT_PRESTOP_PATH": ""}, []),
    ],
)
def test_a_path_without_a_token_is_warned_about(
    code: dict[str, object], environ: dict[str, str], lines: list[str]
) -> None:
    """Once; whoever switches it off by the path knows what he does."""
    end = "the drain over HTTP is off; set both"
    assert _lines(_read(environ, **code), logging.WARNING) == [line + end for line in lines]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("hunter2-hunter2", "has 15 characters"),
        ("hunter2" * 29, "has 203 characters"),
        ("hunter2" * 3 + " x", "has other characters than it may"),
        ("hunter2" * 3 + "\n", "has other characters than it may"),
        ("hunter2" * 3 + "\x7f", "has other characters than it may"),
        ("hunter2" * 3 + "\u00e9", "has other characters than it may"),
        ("hunter2" * 3 + "\ud800", "has other characters than it may"),
        (b"hunter2" * 3, "is of type bytes"),
        (["hunter2"] * 16, "is of type list"),
        (4711, "is of type int"),
        (False, "is of type bool"),
    ],
)
def test_a_wrong_token_is_refused_without_showing_it(value: object, found: str) -> None:
    """It may be the right one with a slip in it. Not even in what led to the error."""
    expected = "expected 16 to 200 printable ASCII characters without spaces"
    cases: list[tuple[str, dict[str, str], dict[str, object]]]
    cases = [("prestop_token", {}, {"prestop_token": value})]
    if isinstance(value, str):
        cases.append(("HEALTHKIT_PRESTOP_TOKEN", {"HEALTHKIT_PRESTOP_TOKEN": value}, {}))
    for name, environ, code in cases:
        with pytest.raises(ConfigError) as caught:
            _read(environ, **code)
        assert str(caught.value) == f"{name} {found}: {expected}"
        assert caught.value.__context__ is None


def test_an_empty_token_in_code_is_refused() -> None:
    """Nobody means that; a variable that is empty is another matter."""
    with pytest.raises(ConfigError, match="^prestop_token has 0 characters: "):
        _read(prestop_token="")


@pytest.mark.parametrize("token", ["x" * 16, "~" * 200, "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}"])
def test_a_token_is_what_can_stand_in_a_header(token: str) -> None:
    """16 to 200 characters."""
    assert _read(prestop_token=token).prestop_token == token


def test_the_token_is_not_logged_nor_in_the_repr() -> None:
    """That a variable wins over the code is said, and not what it is."""
    found = _read({"HEALTHKIT_PRESTOP_TOKEN": TOKEN, "HEALTHKIT_PRESTOP_PATH": "/d"})
    assert [line for line in _lines(found, logging.INFO) if "TOKEN" in line] == [
        "HEALTHKIT_PRESTOP_TOKEN is set and wins over the code"
    ]
    assert TOKEN not in repr(found)
    assert "/d" in repr(found)


@pytest.mark.parametrize("value", ["", "prestop", "/pre stop", "/x?y", 5, b"/x", object()])
def test_what_is_no_path_is_refused_there_too(value: object) -> None:
    """With a token or without; empty only as a variable."""
    for token in (None, TOKEN):
        with pytest.raises(ConfigError, match="^prestop_path=.*: expected a path such as"):
            _read(prestop_path=value, prestop_token=token)


@pytest.mark.parametrize(
    ("code", "environ", "line"),
    [
        ({"prestop_path": "/readyz"}, {}, "prestop_path='/readyz': {} the ready probe"),
        ({"prestop_path": "/livez"}, {}, "prestop_path='/livez': {} the live probe"),
        ({"prestop_path": "/x/livez"}, {}, "prestop_path='/x/livez': {} the live probe"),
        ({"paths": {"health": "/prestop"}}, {}, "prestop_path='/prestop': {} the health probe"),
        ({"metrics_path": "/prestop"}, {}, "prestop_path='/prestop': {} the metrics"),
        (
            {"metrics_path": "/m"},
            {"HEALTHKIT_PRESTOP_PATH": "/m"},
            "HEALTHKIT_PRESTOP_PATH='/m': {} the metrics",
        ),
    ],
)
def test_the_drain_has_a_path_of_its_own(
    code: dict[str, object], environ: dict[str, str], line: str
) -> None:
    """Else a probe would not be answered; one that is off is in nobody's way."""
    expected = line.format("expected a path of its own, not that of")
    with pytest.raises(ConfigError, match=f"^{re.escape(expected)}$"):
        _read(environ, prestop_token=TOKEN, **code)
    assert _read(environ, **code).prestop_path is None


# -- several workers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "environ", "state_dir", "workers"),
    [
        pytest.param({}, {}, None, None, id="one worker"),
        pytest.param({}, {"WEB_CONCURRENCY": "4"}, None, None, id="not our business"),
        pytest.param({"state_dir": "/run/pod/"}, {}, "/run/pod", None, id="nobody says how many"),
        pytest.param({"state_dir": Path("/run/pod")}, {}, "/run/pod", None, id="a path object"),
        pytest.param(
            {"state_dir": "/run/pod"}, {"WEB_CONCURRENCY": "4"}, "/run/pod", 4, id="the convention"
        ),
        pytest.param(
            {"state_dir": "/run/pod", "workers": 2},
            {"WEB_CONCURRENCY": "4"},
            "/run/pod",
            2,
            id="ours wins over the convention",
        ),
        pytest.param(
            {"state_dir": "/run/pod"}, {"WEB_CONCURRENCY": "auto"}, "/run/pod", None, id="no number"
        ),
        pytest.param(
            {"workers": 3},
            {"HEALTHKIT_STATE_DIR": "/run/pod", "HEALTHKIT_WORKERS": "5"},
            "/run/pod",
            5,
            id="variables win",
        ),
        pytest.param(
            {"state_dir": "/run/pod"}, {"HEALTHKIT_STATE_DIR": ""}, None, None, id="switched off"
        ),
    ],
)
def test_the_workers_of_a_pod(
    code: dict[str, object], environ: dict[str, str], state_dir: str | None, workers: int | None
) -> None:
    """WEB_CONCURRENCY counts only where there is a state directory and no setting of our own."""
    found = _read(environ, **code)
    assert (found.state_dir, found.workers) == (state_dir, workers)


@pytest.mark.parametrize("value", ["relative/dir", "./x", "", 7, "/run/a\nb", b"/run", ["/run"]])
def test_a_state_directory_is_an_absolute_path(value: object) -> None:
    """Workers and commands may run in different places."""
    with pytest.raises(ConfigError, match="the absolute path of a directory that all workers"):
        _read(state_dir=value)


@pytest.mark.parametrize("value", [0, -1, 1_001, 2.0, True, "4"])
def test_workers_are_a_whole_number(value: object) -> None:
    """From 1 to 1000."""
    with pytest.raises(ConfigError, match="workers=.*a whole number from 1 to 1000"):
        _read(workers=value)


@pytest.mark.parametrize(
    ("code", "environ", "level", "line"),
    [
        pytest.param(
            {"workers": 4},
            {},
            logging.WARNING,
            "workers=4 without state_dir: each worker speaks for itself only; set both, or neither",
            id="no directory",
        ),
        pytest.param(
            {"state_dir": "/run/pod"},
            {},
            logging.WARNING,
            "state_dir without workers: at first the pod is ready when all that have joined are;"
            " set workers (or WEB_CONCURRENCY) to the server's number of them",
            id="no number",
        ),
        pytest.param(
            {"state_dir": "/run/pod"},
            {"WEB_CONCURRENCY": "4"},
            logging.INFO,
            "WEB_CONCURRENCY='4': the pod begins with that many workers",
            id="the convention",
        ),
        pytest.param(
            {"state_dir": "/run/pod"},
            {"WEB_CONCURRENCY": "auto"},
            logging.WARNING,
            "ignored: WEB_CONCURRENCY='auto': expected a whole number from 1 to 1000",
            id="not ours to refuse",
        ),
    ],
)
def test_what_is_said_about_several_workers(
    code: dict[str, object], environ: dict[str, str], level: int, line: str
) -> None:
    """A pod that can't speak for all of its workers says so."""
    assert line in _lines(_read(environ, **code), level)


@pytest.mark.parametrize("code", [{}, {"workers": 1}, {"state_dir": "/run/pod", "workers": 4}])
def test_nothing_is_said_where_all_is_well(code: dict[str, object]) -> None:
    """One worker alone, or a directory and a number."""
    assert _read({}, **code).notes == ()


@pytest.mark.parametrize(
    ("environ", "code", "delay"),
    [
        ({}, {}, 5.0),
        ({}, {"drain_delay": 2}, 2.0),
        ({}, {"drain_delay": 0}, 0.0),
        ({"HEALTHKIT_DRAIN_DELAY": "3"}, {}, 3.0),
    ],
)
def test_a_delay_that_nobody_has_said_is_that_of_the_place(
    environ: dict[str, str], code: dict[str, object], delay: float
) -> None:
    """Made outside of Kubernetes, begun in it; what somebody has said stands."""
    made = _read(environ, **code)
    assert placed(made, KUBERNETES).drain_delay == delay
    assert placed(made, {}) == made


def test_outside_of_kubernetes_the_delay_ends() -> None:
    """A life that begins elsewhere has nobody to wait for."""
    assert placed(_read(KUBERNETES), {}).drain_delay == 0
