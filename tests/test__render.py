"""How answers look: each form to the letter, and what holds for any report at all."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit._answers import Verdict, listed, verdict, verdict_on
from healthkit._calls import LONGEST_REASON, reason_of
from healthkit._model import CheckState, Component, Kind, Phase, Probe, Report, WorkState
from healthkit._render import UNKNOWN_NAME, WARNED, WRONG_METHOD, Answer, Form, Subject, render
from healthkit._validate import NAME
from tests.reports import a_report, but

#: More than this the kubelet does not read (kubernetes pkg/probe/http, maxRespBodyLength).
KUBELET_READS = 10 * 1024

SERVING = a_report(Phase.SERVING, started=True, warmed=True)

#: One of everything.
MIXED = a_report(
    Phase.SERVING,
    started=True,
    warmed=True,
    warm=("catalogue",),
    failing=("database", "queue hanging"),
    stale=("bus",),
    pending=("cache",),
    passing=("disk",),
)

#: What is optional among the above, when it is.
OPTIONAL = Component("mail", Kind.CHECK, CheckState.FAILING, required=False)


def a_subject(report: Report, probe: Probe = Probe.READY, **changes: Any) -> Subject:  # noqa: ANN401  # a subject's fields
    """Say everything about a report in answer to a probe."""
    exclude = changes.get("excluded", frozenset[str]())
    judged = verdict(probe, report.without(exclude), ready_while_draining=False)
    subject = Subject(f"{probe}z", report.phase, judged, listed(probe, report))
    return replace(subject, **changes)


def rendered(form: Form, subject: Subject) -> Answer:
    """Render with the usual settings."""
    return render(form, subject, retry_after=5, varies=True)


def _text(form: Form, subject: Subject) -> str:
    return rendered(form, subject).body.decode()


def _verbose(subject: Subject) -> list[str]:
    return _text(Form.VERBOSE, subject).splitlines()


def _json(subject: Subject) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(rendered(Form.JSON, subject).body)
    return found


def _member(component: Component, reason: str | None = None) -> tuple[str, dict[str, Any]]:
    """Return the key and the one member of a component in JSON."""
    reasons = {component.name: reason} if reason else {}
    subject = Subject("readyz", Phase.SERVING, verdict_on(component), (component,), reasons=reasons)
    ((key, (member,)),) = _json(subject)["checks"].items()
    return key, member


# -- the wire -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        (Form.PLAIN, b"text/plain; charset=utf-8"),
        (Form.VERBOSE, b"text/plain; charset=utf-8"),
        (Form.JSON, b"application/health+json"),
    ],
)
def test_a_pass_is_200_and_complete(form: Form, content_type: bytes) -> None:
    """Its type, its length, and no trace of it in any cache."""
    answer = render(form, a_subject(SERVING), retry_after=5, varies=False)
    assert answer.status == 200
    assert answer.headers == (
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(answer.body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    )


@pytest.mark.parametrize("form", list(Form))
def test_a_failure_is_503_and_says_when_to_come_back(form: Form) -> None:
    """As a pass, with the setting's seconds in Retry-After."""
    failed = render(form, a_subject(but(SERVING, paused=True)), retry_after=7, varies=False)
    passed = render(form, a_subject(SERVING), retry_after=7, varies=False)
    assert failed.status == 503
    length = (b"content-length", b"%d" % len(failed.body))
    expected = [length if name == b"content-length" else (name, v) for name, v in passed.headers]
    assert list(failed.headers) == [*expected, (b"retry-after", b"7")]


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("report", [SERVING, MIXED])
def test_an_answer_that_could_look_different_says_so(form: Form, report: Report) -> None:
    """For whoever keeps it in spite of no-store."""
    for varies in (False, True):
        headers = dict(render(form, a_subject(report), retry_after=5, varies=varies).headers)
        assert headers.get(b"vary") == (b"accept" if varies else None)


def test_a_wrong_method_is_told_which_are_right() -> None:
    """405 with Allow (RFC 9110, 15.5.6), and nothing to retry."""
    headers = dict(WRONG_METHOD.headers)
    assert (WRONG_METHOD.status, headers[b"allow"]) == (405, b"GET, HEAD")
    assert headers[b"content-length"] == b"%d" % len(WRONG_METHOD.body)
    assert b"retry-after" not in headers


def test_an_unknown_name_is_not_found() -> None:
    """404, without the name that was asked for: it may be anything."""
    assert (UNKNOWN_NAME.status, UNKNOWN_NAME.body[:11]) == (404, b"not found: ")
    headers = dict(UNKNOWN_NAME.headers)
    assert headers[b"content-length"] == b"%d" % len(UNKNOWN_NAME.body)
    assert b"retry-after" not in headers


# -- one line -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (SERVING, "ok\n"),
        (but(SERVING, paused=True), "paused\n"),
        (MIXED, "failing: database, queue hanging\n"),
    ],
)
def test_the_plain_form_is_the_verdicts_line(report: Report, text: str) -> None:
    """With a reason or without: there are none in it."""
    subject = a_subject(report, reasons={"database": "hunter2"})
    assert _text(Form.PLAIN, subject) == text


# -- a list ---------------------------------------------------------------------------------------


def test_the_verbose_form_lists_everything() -> None:
    """In the API server's notation: conditions first, then in order, then the verdict."""
    report = but(MIXED, phase=Phase.DRAINING, paused=True, liveness_failed=True)
    optional = replace(report, components=(*report.components, OPTIONAL))
    assert _verbose(a_subject(optional)) == [
        "[-]draining",
        "[-]liveness failed",
        "[-]paused",
        "[+]catalogue ok",
        "[-]database failed: reason withheld",
        "[-]queue failed: hanging",
        "[-]bus failed: stale",
        "[-]cache failed: pending",
        "[+]disk ok",
        "[!]mail failed: reason withheld",
        "readyz check failed",
    ]


@pytest.mark.parametrize(
    ("component", "reason", "line"),
    [
        pytest.param(
            Component("db", Kind.CHECK, CheckState.FAILING), "down", "[-]db failed: down", id="f"
        ),
        pytest.param(
            Component("db", Kind.CHECK, CheckState.FAILING, note="hanging"),
            "down",
            "[-]db failed: hanging: down",
            id="hanging",
        ),
        pytest.param(
            Component("db", Kind.CHECK, CheckState.STALE, note="hanging"),
            None,
            "[-]db failed: stale, hanging",
            id="stale",
        ),
        pytest.param(
            Component("db", Kind.CHECK, CheckState.PENDING),
            "down",
            "[-]db failed: pending: down",
            id="pending",
        ),
        pytest.param(
            Component("db", Kind.CHECK, CheckState.PASSING, note="hanging"),
            "broke",
            "[+]db ok (hanging)",
            id="passing still",
        ),
        pytest.param(
            Component("db", Kind.CHECK, CheckState.FAILING, required=False),
            "down",
            "[!]db failed: down",
            id="optional",
        ),
        pytest.param(
            Component("db", Kind.CHECK, CheckState.PASSING, required=False),
            None,
            "[+]db ok",
            id="optional and passing",
        ),
        pytest.param(
            Component("load", Kind.WARMUP, WorkState.PENDING, note="41 %"),
            "timed out",
            "[-]load failed: pending, 41 %: timed out",
            id="work",
        ),
        pytest.param(
            Component("load", Kind.STARTUP, WorkState.FAILED, note="41 %"),
            None,
            "[-]load failed: 41 %",
            id="failed for good",
        ),
        pytest.param(
            Component("load", Kind.STARTUP, WorkState.FAILED),
            None,
            "[-]load failed: reason withheld",
            id="failed without a note",
        ),
        pytest.param(Component("load", Kind.WARMUP, WorkState.DONE), None, "[+]load ok", id="done"),
    ],
)
def test_a_line_says_how_a_component_stands(
    component: Component, reason: str | None, line: str
) -> None:
    """Its state unless that is plain, what may be said of it, and the reason if it may be told."""
    reasons = {"other": "hunter2", **({component.name: reason} if reason else {})}
    subject = Subject("db", Phase.SERVING, Verdict(True, "ok"), (component,), reasons=reasons)  # noqa: FBT003  # as it is written
    assert _verbose(subject) == [line, "db check passed"]


def test_what_is_left_out_is_called_ok() -> None:
    """As the API server does; it is no part of the verdict, and its reason is nobody's."""
    subject = a_subject(
        but(SERVING, failing=("db",), passing=("disk",)),
        excluded=frozenset({"db", "disk"}),
        reasons={"db": "hunter2"},
    )
    lines = ["[+]db excluded: ok", "[+]disk excluded: ok", "readyz check passed"]
    assert _verbose(subject) == lines


@pytest.mark.parametrize(
    ("probe", "names"),
    [
        (Probe.READY, ["migrate", "catalogue", "db"]),
        (Probe.HEALTH, ["migrate", "catalogue"]),
        (Probe.STARTUP, ["migrate"]),
        (Probe.LIVE, []),
    ],
)
def test_a_probe_lists_what_it_minds(probe: Probe, names: list[str]) -> None:
    """And nothing that could be taken for its obstacle."""
    report = a_report(
        Phase.STARTING, starting=("migrate",), warming=("catalogue",), failing=("db",)
    )
    lines = _verbose(a_subject(report, probe))
    found = [line[3:].partition(" ")[0] for line in lines if line[0] == "["]
    assert found == names
    assert [key.partition(":")[0] for key in _json(a_subject(report, probe))["checks"]] == names


# -- names that are not known ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unknown", "said"),
    [
        (("bd",), "bd"),
        (("bd", "qeue"), "bd, qeue"),
        (tuple("abcde"), "a, b, c, d, e"),
        (tuple("abcdef"), "a, b, c, d, e, and 1 more"),
        (tuple(f"n{number}" for number in range(10_000)), "n0, n1, n2, n3, n4, and 9995 more"),
        (("",), "?"),
        (("<script>alert(1)</script>", "ok"), "?, ok"),
        (("db\n[+]everything ok", "db\r\nset-cookie: a", "a" * 64), "?, ?, ?"),
        (("ünïcode", "\udc80", "\x1b[2J"), "?, ?, ?"),
        (("db\n",), "?"),
    ],
)
def test_an_unknown_name_is_warned_about(unknown: tuple[str, ...], said: str) -> None:
    """At most five are repeated, and what is no name is not: a client's text is its own."""
    warning = f"not excluded, no check is called so: {said}"
    subject = a_subject(SERVING, unknown=unknown)
    assert _text(Form.PLAIN, subject) == f"ok\nwarn: {warning}\n"
    assert _verbose(subject) == [f"warn: {warning}", "readyz check passed"]
    assert warning in _json(subject)["notes"]
    assert WARNED == 5


# -- JSON -----------------------------------------------------------------------------------------


def test_the_json_form_is_a_health_response() -> None:
    """draft-inadarei-api-health-check-06, to the letter."""
    check = Component(
        "db",
        Kind.CHECK,
        CheckState.FAILING,
        age=1.5,
        time=1_700_000_000.25,
        duration=0.12345678,
    )
    report = replace(but(SERVING, warm=("catalogue",), paused=True), components=(check,))
    work = Component("catalogue", Kind.WARMUP, WorkState.PENDING, note="41 %", progress=0.41)
    subject = a_subject(replace(report, components=(work, check)), reasons={"db": "down"})
    assert _json(subject) == {
        "status": "fail",
        "description": "readyz",
        "notes": ["phase: serving", "paused"],
        "output": "paused",
        "checks": {
            "catalogue:progress": [
                {
                    "componentType": "component",
                    "status": "fail",
                    "state": "pending",
                    "required": True,
                    "observedValue": 41,
                    "observedUnit": "percent",
                    "output": "pending, 41 %",
                }
            ],
            "db:responseTime": [
                {
                    "componentType": "component",
                    "status": "fail",
                    "state": "failing",
                    "required": True,
                    "time": "2023-11-14T22:13:20.250Z",
                    "observedValue": 0.123457,
                    "observedUnit": "s",
                    "output": "down",
                }
            ],
        },
    }


def test_a_pass_in_json_has_no_output() -> None:
    """The draft wants none there."""
    check = Component("db", Kind.CHECK, CheckState.PASSING, time=0.0, duration=0.0)
    subject = a_subject(replace(SERVING, components=(check,)), reasons={"db": "unknown"})
    found = _json(subject)
    (member,) = found["checks"]["db:responseTime"]
    assert (found["status"], member["status"], member["time"]) == (
        "pass",
        "pass",
        "1970-01-01T00:00:00.000Z",
    )
    assert not {"output"} & {*found, *member}
    assert _json(a_subject(SERVING))["checks"] == {}


@pytest.mark.parametrize(
    ("report", "status"),
    [
        (SERVING, "pass"),
        (but(SERVING, passing=("disk",)), "pass"),
        (replace(SERVING, components=(OPTIONAL,)), "warn"),
        (but(SERVING, failing=("db",)), "fail"),
        (but(SERVING, paused=True), "fail"),
        (replace(SERVING, paused=True, components=(OPTIONAL,)), "fail"),
    ],
)
def test_the_status_in_json(report: Report, status: str) -> None:
    """`warn` is a pass in which something optional is wrong."""
    found = _json(a_subject(report))
    assert (found["status"], "output" in found) == (status, status == "fail")


@pytest.mark.parametrize(
    ("component", "status"),
    [
        (Component("a", Kind.CHECK, CheckState.PASSING), "pass"),
        (Component("a", Kind.CHECK, CheckState.PASSING, required=False), "pass"),
        (Component("a", Kind.CHECK, CheckState.STALE), "fail"),
        (Component("a", Kind.CHECK, CheckState.STALE, required=False), "warn"),
        (Component("a", Kind.WARMUP, WorkState.PENDING, required=False), "warn"),
    ],
)
def test_the_status_of_a_component_in_json(component: Component, status: str) -> None:
    """A failure of what is not required is a warning; its state is told beside it."""
    _, member = _member(component)
    assert (member["status"], member["state"], member["required"]) == (
        status,
        str(component.state),
        component.required,
    )
    assert ("output" in member) == (status != "pass")


@pytest.mark.parametrize(
    ("component", "key", "observed"),
    [
        (Component("a", Kind.CHECK, CheckState.PENDING), "a:responseTime", None),
        (
            Component("a", Kind.CHECK, CheckState.PASSING, duration=0.5),
            "a:responseTime",
            (0.5, "s"),
        ),
        (Component("a", Kind.WARMUP, WorkState.PENDING), "a:progress", None),
        (
            Component("a", Kind.WARMUP, WorkState.PENDING, progress=0.0),
            "a:progress",
            (0, "percent"),
        ),
        (
            Component("a", Kind.STARTUP, WorkState.DONE, progress=1.0),
            "a:progress",
            (100, "percent"),
        ),
        (
            Component("a", Kind.WARMUP, WorkState.PENDING, progress=0.29),
            "a:progress",
            (29, "percent"),
        ),
    ],
)
def test_what_is_measured_of_a_component(
    component: Component, key: str, observed: tuple[float, str] | None
) -> None:
    """The seconds of a check's last run, the percentage of work; nothing when there is none."""
    found, member = _member(component)
    values = (member["observedValue"], member["observedUnit"]) if observed else None
    assert (found, values) == (key, observed)
    assert ("observedValue" in member) == (observed is not None)


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (951_782_400.999, "2000-02-29T00:00:00.999Z"),
        (4_102_444_799.5, "2099-12-31T23:59:59.500Z"),
    ],
)
def test_times_are_in_utc(moment: float, written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 3339, to the millisecond, wherever the pod is."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    _, member = _member(Component("a", Kind.CHECK, CheckState.PASSING, time=moment))
    assert member["time"] == written


def test_the_notes_in_json() -> None:
    """The phase, the conditions, what was left out, and what was not."""
    report = but(MIXED, phase=Phase.DRAINING, paused=True)
    subject = a_subject(report, excluded=frozenset({"bus"}), unknown=("bd",))
    found = _json(subject)
    assert found["notes"] == [
        "phase: draining",
        "draining",
        "paused",
        "excluded: bus",
        "not excluded, no check is called so: bd",
    ]
    assert "bus:responseTime" not in found["checks"]


def test_what_is_left_out_warns_of_nothing() -> None:
    """The status is that of what is left."""
    report = replace(SERVING, components=(OPTIONAL,))
    assert _json(a_subject(report, excluded=frozenset({"mail"})))["status"] == "pass"


# -- how much fits --------------------------------------------------------------------------------

LONG_NAMES = tuple(f"{number:063d}" for number in range(500))

#: The longest reasons, by what they are made of.
LONG_REASONS = {
    "ascii": "r" * LONGEST_REASON,
    "umlauts": "ü" * LONGEST_REASON,
    "emoji": "\N{PILE OF POO}" * LONGEST_REASON,
    "quotes": '"' * LONGEST_REASON,
    "control": "\x01" * LONGEST_REASON,
}


def _kept_and_left_out(form: Form, subject: Subject) -> tuple[int, int]:
    """Count the components in an answer, and read the count of those that are not."""
    if form is Form.JSON:
        found = _json(subject)
        entries, lines = len(found["checks"]), [str(note) for note in found["notes"]]
    else:
        lines = _verbose(subject)
        entries = sum(line[0] == "[" for line in lines)
    more = [line for line in lines if line.endswith(" more that do not fit here")]
    return entries, int(more[0].split()[1]) if more else 0


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("reason", [None, *LONG_REASONS])
@pytest.mark.parametrize("state", ["failing", "stale", "pending", "passing"])
def test_an_answer_stays_below_what_the_kubelet_reads(
    form: Form, reason: str | None, state: str
) -> None:
    """500 checks with names of 63 characters, and the longest reasons there are."""
    report = but(SERVING, **{state: tuple(f"{name} hanging" for name in LONG_NAMES)})
    told = dict.fromkeys(LONG_NAMES, LONG_REASONS[reason]) if reason else {}
    subject = a_subject(report, reasons=told, unknown=LONG_NAMES)
    assert len(rendered(form, subject).body) < KUBELET_READS
    if form is not Form.PLAIN:
        kept, left_out = _kept_and_left_out(form, subject)
        assert kept + left_out == 500
        assert kept >= 2


@pytest.mark.parametrize("form", list(Form))
def test_all_conditions_at_once_fit(form: Form) -> None:
    """And whatever else may stand around the components."""
    report = a_report(
        Phase.DRAINING,
        liveness_failed=True,
        paused=True,
        warmed=True,
        starting=tuple(f"{name} 999999999999999" for name in LONG_NAMES),
        failing=LONG_NAMES,
    )
    subject = a_subject(report, unknown=LONG_NAMES)
    assert len(rendered(form, subject).body) < KUBELET_READS
    starting = a_subject(replace(report, phase=Phase.STARTING, liveness_failed=False))
    assert len(rendered(form, starting).body) < KUBELET_READS


@pytest.mark.parametrize("form", list(Form))
def test_an_answer_that_leaves_everything_out_fits(form: Form) -> None:
    """A client may name all 500 of them."""
    subject = a_subject(but(SERVING, failing=LONG_NAMES), excluded=frozenset(LONG_NAMES))
    answer = rendered(form, subject)
    assert (answer.status, len(answer.body) < KUBELET_READS) == (200, True)


@pytest.mark.parametrize("form", [Form.VERBOSE, Form.JSON])
def test_what_does_not_pass_is_kept_first(form: Form) -> None:
    """In its own place in the order; it is what one looks for."""
    passing = tuple(f"p{name[1:]}" for name in LONG_NAMES)
    last = Component("last", Kind.CHECK, CheckState.FAILING)
    report = but(SERVING, passing=passing)
    subject = a_subject(replace(report, components=(*report.components, last)))
    text = _text(form, subject)
    assert "last" in text
    assert text.index(passing[0]) < text.index('"last:' if form is Form.JSON else "]last")
    kept, left_out = _kept_and_left_out(form, subject)
    assert kept + left_out == 501
    assert 30 < kept < 150


@pytest.mark.parametrize("form", [Form.VERBOSE, Form.JSON])
def test_what_fits_is_not_left_out(form: Form) -> None:
    """Twenty checks with their reasons are an ordinary pod."""
    names = tuple(f"check-{number}" for number in range(20))
    subject = a_subject(but(SERVING, failing=names), reasons=dict.fromkeys(names, "down"))
    assert _kept_and_left_out(form, subject) == (20, 0)


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("reason", ["\udc80", "a\ud83d", "\x00\x1b[2J", '"}]}', "\\u0000", "ﷺ"])
def test_any_reason_can_be_told(form: Form, reason: str) -> None:
    """Names of files that are no UTF-8 are in exceptions as lone surrogates."""
    said = reason_of(OSError(reason))
    subject = a_subject(but(SERVING, failing=("db",)), reasons={"db": said})
    text = rendered(form, subject).body.decode()
    assert len(text.splitlines()) == (2 if form is Form.VERBOSE else 1)
    if form is Form.JSON:
        rendered(form, subject).body.decode("ascii")


# -- any report -----------------------------------------------------------------------------------

_NAMES = st.from_regex(NAME, fullmatch=True)
_STATES = {
    Kind.STARTUP: st.sampled_from(WorkState),
    Kind.WARMUP: st.sampled_from(WorkState),
    Kind.CHECK: st.sampled_from(CheckState),
}
#: In every reason, and nowhere else.
SECRET = "hunter2!"  # noqa: S105  # a text to look for
_REASONS = st.text(max_size=LONGEST_REASON).map(lambda text: f"{SECRET} {' '.join(text.split())}")


@st.composite
def components(draw: st.DrawFn) -> Component:
    """Any component: a state of its kind, and whatever else."""
    kind = draw(st.sampled_from(Kind))
    progress = None if kind is Kind.CHECK else draw(st.none() | st.floats(0, 1))
    return Component(
        draw(_NAMES),
        kind,
        draw(_STATES[kind]),
        required=draw(st.booleans()),
        note=draw(st.sampled_from(["", "41 %", "hanging"])),
        progress=progress,
        time=draw(st.none() | st.floats(0, 4e9)),
        duration=draw(st.none() | st.floats(0, 1e6)),
    )


_REPORTS = st.builds(
    Report,
    st.sampled_from(Phase),
    started=st.booleans(),
    warmed=st.booleans(),
    liveness_failed=st.booleans(),
    paused=st.booleans(),
    components=st.lists(components(), max_size=60, unique_by=lambda one: one.name).map(tuple),
)


@settings(deadline=None, database=None)
@given(
    st.sampled_from(Form),
    st.sampled_from(Probe),
    _REPORTS,
    st.data(),
    st.booleans(),
)
def test_any_answer_is_one_that_any_client_understands(
    form: Form, probe: Probe, report: Report, data: st.DataObject, admitted: bool
) -> None:
    """Status, length and size are right, JSON is JSON, and a reason is for the admitted only."""
    names = [one.name for one in report.components]
    known = [one.name for one in report.components if one.kind is Kind.CHECK]
    subject = a_subject(
        report,
        probe,
        excluded=frozenset(data.draw(st.lists(st.sampled_from(known)) if known else st.just([]))),
        unknown=tuple(data.draw(st.lists(st.text(max_size=80), max_size=8))),
        reasons={name: data.draw(_REASONS) for name in names} if admitted else {},
    )
    answer = rendered(form, subject)
    headers = dict(answer.headers)
    assert len(headers) == len(answer.headers)
    assert answer.status == (200 if subject.verdict.passes else 503)
    assert headers[b"content-length"] == b"%d" % len(answer.body)
    assert (b"retry-after" in headers) == (answer.status == 503)
    assert len(answer.body) < KUBELET_READS
    text = answer.body.decode()
    assert text.endswith("\n")
    assert admitted or SECRET not in text
    if form is Form.JSON:
        found = json.loads(text)
        assert (found["status"] == "fail") == (answer.status == 503)
