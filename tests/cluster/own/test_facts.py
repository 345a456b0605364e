"""What is read out of the API's JSON, in its real shape."""

from __future__ import annotations

import json

from tests.cluster import facts
from tests.cluster.facts import Endpoint

POD = {
    "metadata": {"name": "shop-1", "uid": "u1"},
    "status": {
        "podIP": "10.0.0.7",
        "conditions": [
            {"type": "Ready", "status": "True"},
            {"type": "healthkit.dev/cache-warm", "status": "True"},
        ],
        "containerStatuses": [
            {
                "ready": True,
                "started": True,
                "restartCount": 1,
                "state": {"running": {"startedAt": "2026-11-23T10:00:20Z"}},
                "lastState": {
                    "terminated": {
                        "exitCode": 137,
                        "startedAt": "2026-11-23T10:00:00Z",
                        "finishedAt": "2026-11-23T10:00:19Z",
                    }
                },
            }
        ],
    },
}


def test_a_running_pod() -> None:
    """Its conditions, and both of its containers."""
    (pod,) = facts.pods(json.dumps({"items": [POD]}))
    assert (pod.name, pod.uid, pod.ip) == ("shop-1", "u1", "10.0.0.7")
    assert pod.ready
    assert pod.up
    assert pod.started
    assert pod.conditions["healthkit.dev/cache-warm"] == "True"
    assert (pod.restarts, pod.last_code) == (1, 137)
    assert pod.began is not None
    assert pod.last_began is not None
    assert pod.last_ended is not None
    assert (pod.last_ended - pod.last_began, pod.began - pod.last_ended) == (19, 1)


def test_a_pod_that_has_nothing_yet() -> None:
    """A pod that is not scheduled is neither up nor ready."""
    bare = {"metadata": {"name": "b", "uid": "u"}, "status": {"phase": "Pending"}}
    (pod,) = facts.pods(json.dumps({"items": [bare]}))
    assert (pod.up, pod.ready, pod.ip, pod.began, pod.last_code) == (False, False, "", None, None)


def test_a_pod_that_ends() -> None:
    """It runs, and is not up."""
    metadata = {"name": "shop-1", "uid": "u1", "deletionTimestamp": "2026-11-23T10:01:00Z"}
    ending = {**POD, "metadata": metadata}
    (pod,) = facts.pods(json.dumps({"items": [ending]}))
    assert (pod.running, pod.ending, pod.up) == (True, True, False)


def test_the_slices_of_a_service() -> None:
    """Conditions that are missing are true, but for terminating; a slice may be empty."""
    plain = {"addresses": ["10.0.0.7"], "targetRef": {"name": "a"}}
    unready = {"ready": False, "serving": True, "terminating": True}
    ending = {"addresses": ["10.0.0.8"], "conditions": unready, "targetRef": {"name": "b"}}
    listed = {"items": [{"endpoints": None}, {"endpoints": [plain, ending]}]}
    found = facts.endpoints(json.dumps(listed))
    assert found[0] == Endpoint("a", "10.0.0.7", ready=True, serving=True, terminating=False)
    assert found[1] == Endpoint("b", "10.0.0.8", ready=False, serving=True, terminating=True)
    assert facts.admitted(found) == {"a"}
    assert facts.admitted(()) == frozenset()


def _deployment(**status: object) -> str:
    counts = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    metadata = {"name": "shop", "uid": "u", "generation": 2}
    whole = {"metadata": metadata, "spec": {"replicas": 2}, "status": {**counts, **status}}
    return json.dumps(whole)


def test_a_rollout() -> None:
    """It is complete when all pods are new, available, and no old one is left."""
    assert facts.rollout(_deployment()).complete
    assert not facts.rollout(_deployment(replicas=3)).complete
    assert not facts.rollout(_deployment(updatedReplicas=1)).complete
    assert not facts.rollout(_deployment(availableReplicas=1)).complete
    assert not facts.rollout(_deployment(observedGeneration=1)).complete


def test_a_rollout_that_is_given_up() -> None:
    """The condition's status and reason tell it; without conditions there is nothing to tell."""
    given_up = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    available = {"type": "Available", "status": "True"}
    found = facts.rollout(_deployment(conditions=[available, given_up]))
    assert found.progressing == ("False", "ProgressDeadlineExceeded")
    assert facts.rollout(_deployment()).progressing == ("", "")


def test_events_about_pods_of_a_release() -> None:
    """Those of another release, whose name begins alike, are not its own."""
    listed = [
        {"message": "failed", "involvedObject": {"name": "shop-6d-x1"}},
        {"message": "other", "involvedObject": {"name": "shopping-6d-x1"}},
        {"message": "nobody's"},
    ]
    assert facts.about(json.dumps({"items": listed}), "shop-") == ["shop-6d-x1: failed"]


def test_events_by_their_reason_and_time() -> None:
    """The first one first; newer ones have another field for their time."""
    listed = [
        {"reason": "Killing", "message": "later", "eventTime": "2026-11-23T10:00:05.5Z"},
        {"reason": "Pulled", "message": "no", "firstTimestamp": "2026-11-23T10:00:00Z"},
        {"reason": "Killing", "message": "first", "firstTimestamp": "2026-11-23T10:00:00Z"},
    ]
    found = facts.events(json.dumps({"items": listed}), "Killing")
    assert [said for _, said in found] == ["first", "later"]
    assert found[1][0] - found[0][0] == 5.5
