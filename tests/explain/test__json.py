"""A workload as JSON has it."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given

from healthkit.explain import Explanation, as_dict, explain
from healthkit.manifests import read
from tests.explain.pods import EXPLANATIONS

GOOD = Path(__file__).parent / "good.yaml"


def test_everything_is_a_member() -> None:
    """By the names that the command's documentation has."""
    (one,) = read(GOOD)
    assert as_dict(explain(one)) == {
        "kind": "Deployment",
        "name": "shop",
        "namespace": "default",
        "source": f"{GOOD}:1",
        "replicas": 3,
        "qos": {
            "class": "Guaranteed",
            "why": "requests and limits are equal, for cpu and memory, everywhere",
        },
        "init_containers": ["migrate"],
        "rollout": {
            "max_surge": 1,
            "max_unavailable": 0,
            "needed": 311.1,
            "progress_deadline": 600,
            "in_time": True,
            "never_available": False,
        },
        "containers": [
            {
                "name": "app",
                "sidecar": False,
                "never_ready": False,
                "restarts": True,
                "probes": {
                    "startup": numbers("GET /livez on port http", failures=30),
                    "liveness": numbers("GET /livez on port http", timeout=2, failures=6),
                    "readiness": numbers("GET /readyz on port http", period=5),
                },
                "start": {
                    "decided_by": "startup",
                    "first_probe": {"earliest": 0.0, "latest": 10.0},
                    "guaranteed_boot": 290.0,
                    "documented_boot": 300.0,
                    "latest_kill": 300.0,
                    "latest_kill_hanging": 301.0,
                },
                "running": {
                    "kill": {"earliest": 52.0, "latest": 62.0},
                    "leaves_endpoints": {"earliest": 10.0, "latest": 16.2},
                    "leaves_endpoints_hanging": 17.2,
                    "returns": 6.2,
                    "kill_may_be_first": False,
                },
                "endings": [ending("deletion", 40), ending("liveness", 20), ending("startup", 40)],
            }
        ],
    }


def numbers(
    asks: str, *, period: int = 10, timeout: int = 1, failures: int = 3
) -> dict[str, object]:
    """Return what is said of a probe."""
    return {
        "asks": asks,
        "lost": False,
        "initial_delay": 0,
        "period": period,
        "timeout": timeout,
        "success_threshold": 1,
        "failure_threshold": failures,
    }


def ending(why: str, grace: int) -> dict[str, object]:
    """Return what is said of an end with a hook of 10 s."""
    moments = [(0.0, "begin"), (0.0, "prestop"), (1.1, "last_connection"), (10.0, "sigterm")]
    moments = [one for one in moments if why == "deletion" or one[1] != "last_connection"]
    return {
        "why": why,
        "grace": grace,
        "hook": {"does": "sleep 10 s", "takes": 10.0},
        "hook_fits": True,
        "left_for_sigterm": grace - 10.0,
        "waits_for_others": False,
        "moments": [
            {"at": at, "what": what, "latest": False}
            for at, what in [*moments, (float(grace), "sigkill")]
        ],
    }


@given(EXPLANATIONS)
def test_any_workload_is_json(found: Explanation) -> None:
    """And the same after a reader has read it."""
    shape = as_dict(found)
    assert json.loads(json.dumps(shape)) == shape
