"""Failures of the installation or the machine, as opposed to those of a task."""

import errno
import pickle

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

from hpsearch.foundations.errors import HpsearchError, MachineError

__all__ = ["check_address_space", "is_machine_failure"]

# Address space, not memory: what libraries map and threads reserve, most of it never touched. The
# coordinator of a small study takes 1.4 GB on two cores.
_MIN_ADDRESS_SPACE = 3 * 2**29

# Raised by a broken or incomplete installation, a damaged cache, or memory that ran out.
_MACHINE_FAILURES = (
    ImportError,
    SyntaxError,
    MemoryError,
    EOFError,
    pickle.UnpicklingError,
    NotImplementedError,
    SystemError,
)
# Compilers; their errors are recognised by package name, as they may not be importable.
_COMPILERS = ("numba", "llvmlite")
_OUT_OF_RESOURCES = (errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE)
# In messages of RuntimeErrors of Python, NumPy and PyTorch. After an error of CUDA, all later work
# of the process on that GPU fails too, whatever trial it belongs to.
_MACHINE_FAILURE_WORDS = (
    "can't start new thread",
    "out of memory",
    "allocate memory",
    "cuda error",
)


def is_machine_failure(error: BaseException) -> bool:
    """Whether `error` is a failure of the installation or the machine, not of the task.

    An error that was raised from such an error is one too, unless it is another of this package's
    errors. Other file errors (`OSError`) are not: what they mean depends on the file.
    """
    if isinstance(error, HpsearchError):
        return isinstance(error, MachineError)
    if isinstance(error, _MACHINE_FAILURES):
        return True
    if isinstance(error, OSError) and error.errno in _OUT_OF_RESOURCES:
        return True
    if type(error).__module__.partition(".")[0] in _COMPILERS:
        return True
    words = str(error).lower() if isinstance(error, RuntimeError) else ""
    if any(one in words for one in _MACHINE_FAILURE_WORDS):
        return True
    return error.__cause__ is not None and is_machine_failure(error.__cause__)


def check_address_space() -> None:
    """Refuse a limit under which libraries would abort the process without an exception.

    Raises
    ------
    MachineError
        If the process may not take 1.5 GiB of address space.
    """
    if resource is None:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if resource.RLIM_INFINITY != limit < _MIN_ADDRESS_SPACE:
        raise MachineError(
            f"ulimit -v is {limit // 1024:,} KiB, but a study needs at least "
            f"{_MIN_ADDRESS_SPACE // 1024:,} KiB of address space in each process; raise it"
        )
