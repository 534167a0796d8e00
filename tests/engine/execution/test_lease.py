import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from hpsearch.engine.execution import FileLease


def _lease(path: Path, token: str = "mine", pid: int | None = None) -> FileLease:
    return FileLease(path, token, os.getpid() if pid is None else pid, platform.node())


def test_a_lease_is_valid_from_grant_to_revocation(tmp_path: Path) -> None:
    lease = _lease(tmp_path / "lease")
    assert not lease.is_valid()
    lease.grant()
    assert lease.is_valid()
    lease.revoke()
    assert not lease.is_valid()


def test_a_lease_ends_when_another_is_granted(tmp_path: Path) -> None:
    old, new = _lease(tmp_path / "lease", "old"), _lease(tmp_path / "lease", "new")
    old.grant()
    new.grant()
    assert not old.is_valid()
    assert new.is_valid()


def test_a_lease_ends_with_its_coordinators_process(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    lease = _lease(tmp_path / "lease", pid=process.pid)
    lease.grant()
    assert not lease.is_valid()


@pytest.mark.parametrize("content", [b"", b"garbage", b"{}", b'{"x": 1}', b"[]", b"\xff"])
def test_a_damaged_lease_is_no_lease(content: bytes, tmp_path: Path) -> None:
    lease = _lease(tmp_path / "lease")
    lease.grant()
    (tmp_path / "lease").write_bytes(content)
    assert FileLease.read(tmp_path / "lease") is None
    assert not lease.is_valid()
