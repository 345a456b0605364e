"""The pod of a rendered manifest: its environment, its hook, what it may do."""

from __future__ import annotations

from typing import Any

import pytest

from healthkit.lint._facts.servers import Server
from healthkit.manifests import Exec, Sleep
from healthkit.render import Wanted, _wanted, manifest
from tests.render.documents import container, objects


def test_what_the_pod_says_before_sigterm() -> None:
    """A command with a directory in memory, the kubelet's sleep, or nothing."""
    drains, sleeps, ends = (container(Wanted(pre_stop=one)) for one in ("exec", "sleep", "none"))
    assert drains.pre_stop == Exec(("healthkit", "drain"))
    assert sleeps.pre_stop == Sleep(5)
    assert ends.pre_stop is None
    assert [one.env["HEALTHKIT_DRAIN_DELAY"] for one in (drains, sleeps, ends)] == ["5", "1", "5"]
    assert drains.env["HEALTHKIT_STATE_DIR"] == "/run/healthkit"
    assert "HEALTHKIT_STATE_DIR" not in {*sleeps.env, *ends.env}


def test_several_workers_have_a_directory_and_a_number() -> None:
    """Whatever begins the drain."""
    one = container(Wanted(pre_stop="none", workers=4, state_dir="/run/a b"))
    assert one.env["HEALTHKIT_STATE_DIR"] == "/run/a b"
    assert one.env["HEALTHKIT_WORKERS"] == one.env["WEB_CONCURRENCY"] == "4"
    assert "WEB_CONCURRENCY" not in container(Wanted()).env


def test_the_pod_may_do_no_more_than_it_must() -> None:
    """The restricted standard, a read-only root, and two places to write to."""
    pod: dict[str, Any] = objects(manifest(Wanted()))["Deployment"]["spec"]["template"]["spec"]
    (one,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert one["securityContext"]["readOnlyRootFilesystem"] is True
    assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    volumes = {each["name"]: each["emptyDir"] for each in pod["volumes"]}
    mounts = {each["mountPath"]: volumes[each["name"]] for each in one["volumeMounts"]}
    assert mounts == {
        "/run/healthkit": {"medium": "Memory", "sizeLimit": "16Mi"},
        "/tmp": {},  # noqa: S108  # no file of ours
    }


@pytest.mark.parametrize(
    ("words", "server", "noted"),
    [
        ("uvicorn main:app", "uvicorn", True),
        ("uvicorn main:app --host 0.0.0.0", "uvicorn", False),
        ("hypercorn main:app --bind=[::]:8000", "hypercorn", False),
        ("serve", "", False),
    ],
)
def test_a_server_that_hears_itself_only_is_told(
    words: str, server: str, noted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it is known as one that does so by default."""

    def started(_words: object, _env: object) -> Server:
        return Server(name=server)

    monkeypatch.setattr(_wanted, "server", started)
    text = manifest(Wanted(command=tuple(words.split())))
    assert ("must listen on 0.0.0.0" in text) is noted
