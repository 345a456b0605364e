"""Who of several workers publishes."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from healthkit._gate_lead import Alone, Lead
from healthkit._gate_rules import Condition
from healthkit._state_dir import StateDir

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

KIND = "healthkit.dev/cache-warm"
SAID = Condition(status=True, line="ok", since=7)

#: Another process: it says whether it leads.
OTHER = """
import sys
from healthkit._gate_lead import Lead
from healthkit._state_dir import StateDir
print(Lead(StateDir(sys.argv[1]), sys.argv[2]).leads())
"""


def other_leads(directory: Path, kind: str = KIND) -> bool:
    """Whether another process would publish."""
    command = [sys.executable, "-c", OTHER, str(directory), kind]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # ours
    return done.stdout.strip() == "True"


def the_file(directory: Path) -> Path:
    """Return the lock file."""
    (found,) = directory.glob("gate-*")
    return found


def test_one_process_leads_at_a_time(tmp_path: Path) -> None:
    """Until it leaves, or dies; another condition is another matter."""
    lead = Lead(StateDir(str(tmp_path)), KIND)
    assert repr(lead) == "<Lead not held>"
    assert lead.leads()
    assert lead.leads()
    assert repr(lead) == "<Lead held>"
    assert not other_leads(tmp_path)
    assert other_leads(tmp_path, "healthkit.dev/another")
    lead.leave()
    lead.leave()
    assert other_leads(tmp_path)


def test_a_worker_that_does_not_lead_waits(tmp_path: Path) -> None:
    """It takes the lock when the kernel has taken it from the other."""
    StateDir(str(tmp_path))
    script = OTHER.replace("print(", "lead = (").replace(".leads())", ")\nprint(lead.leads())")
    script += "sys.stdout.flush()\nsys.stdin.read()\n"
    command = [sys.executable, "-c", script, str(tmp_path), KIND]
    with subprocess.Popen(  # noqa: S603  # ours
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        lead = Lead(StateDir(str(tmp_path)), KIND)
        assert not lead.leads()
        process.kill()
        process.wait()
        assert lead.leads()
        lead.leave()


def test_a_forked_child_does_not_lead(tmp_path: Path) -> None:
    """It inherits the descriptor, and not the lock: its parent's death frees it."""
    lead = Lead(StateDir(str(tmp_path)), KIND)
    assert lead.leads()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover  # another process
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    lead.leave()
    assert other_leads(tmp_path)
    os.close(writing)
    os.waitpid(child, 0)
    os.close(reading)


def test_a_file_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    """A lock on a file that nobody can find keeps nobody out."""
    lead = Lead(StateDir(str(tmp_path)), KIND)
    assert lead.leads()
    the_file(tmp_path).unlink()
    assert lead.leads()
    assert not other_leads(tmp_path)
    lead.leave()


def test_a_lock_that_the_process_has_lost_is_taken_again(tmp_path: Path) -> None:
    """Whoever else in the process closes the file takes it from all: fcntl's locks are so."""
    lead, before = Lead(StateDir(str(tmp_path)), KIND), Lead(StateDir(str(tmp_path)), KIND)
    assert lead.leads()
    assert before.leads()
    before.leave()
    assert lead.leads()
    assert not other_leads(tmp_path)
    lead.leave()


def test_what_was_published_is_remembered(tmp_path: Path) -> None:
    """By the next publisher; what is uncertain is forgotten."""
    lead = Lead(StateDir(str(tmp_path)), KIND)
    assert lead.leads()
    assert lead.remembered() is None
    lead.remember(SAID)
    lead.leave()
    assert lead.remembered() is None
    assert lead.leads()
    assert lead.remembered() == SAID
    lead.remember(None)
    assert lead.remembered() is None
    far = '{"status": true, "line": "ok", "since": 1e12}'.replace("1e12", "1" + "0" * 12)
    for nonsense in ("[]", '{"status": 1, "line": "ok", "since": 7}', "{}", "\xff", far):
        the_file(tmp_path).write_text(nonsense, encoding="latin-1")
        assert lead.remembered() is None
    lead.leave()


def test_a_directory_that_can_t_be_used_leaves_everybody_alone(tmp_path: Path) -> None:
    """As everywhere: the worker speaks for itself."""
    lead = Lead(StateDir(str(tmp_path / "missing")), KIND)
    assert lead.leads()
    lead.remember(SAID)
    assert lead.remembered() is None
    assert repr(lead) == "<Lead not held>"


def test_a_file_system_without_locks_leaves_everybody_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some network file systems are."""

    def refuse(_file: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "lockf", refuse)
    lead = Lead(StateDir(str(tmp_path)), KIND)
    assert lead.leads()
    assert repr(lead) == "<Lead not held>"


def test_one_worker_alone_leads() -> None:
    """And remembers nothing."""
    alone = Alone()
    alone.remember(SAID)
    alone.leave()
    assert (alone.leads(), alone.remembered(), repr(alone)) == (True, None, "<Alone>")
