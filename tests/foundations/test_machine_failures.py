"""Which errors are the machine's, and the limit under which a study is not begun."""

import errno
import subprocess
import sys

import pytest

from hpsearch.foundations.errors import MachineError, StoreError, UsageError
from hpsearch.foundations.machine_failures import check_address_space, is_machine_failure


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ImportError("numpy"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("CUDA error: device-side assert triggered"),
    ],
)
def test_errors_of_the_machine_are_known(error: Exception) -> None:
    assert is_machine_failure(error)
    assert is_machine_failure(MachineError("broken"))


@pytest.mark.parametrize(
    "error", [ValueError("x"), OSError(errno.ENOSPC, "No space left on device"), KeyError("x")]
)
def test_other_errors_are_not_taken_for_the_machines(error: Exception) -> None:
    assert not is_machine_failure(error)


@pytest.mark.parametrize("kind", [UsageError, StoreError])
def test_an_error_raised_on_purpose_is_what_it_says_whatever_caused_it(
    kind: type[Exception],
) -> None:
    """As where a driver or an extra is not installed."""
    error = kind("its driver is not installed")
    error.__cause__ = ImportError("psycopg")
    assert not is_machine_failure(error)


def test_without_a_limit_there_is_nothing_to_refuse() -> None:
    check_address_space()


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize(("mib", "refused"), [(1024, True), (2048, False)])
def test_too_low_a_limit_is_refused_in_one_line(mib: int, refused: bool) -> None:
    program = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({mib} * 2**20,) * 2)\n"
        "from hpsearch.foundations import machine_failures; machine_failures.check_address_space()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode != 0) == refused
    assert ("MachineError: ulimit -v is" in done.stderr) == refused
