"""Versions, processor and code paths that the last bits of a training depend on."""

from hpsearch.errors import MachineError
from hpsearch.versions import machine_versions

__all__ = ["read_versions"]


def read_versions() -> dict[str, str]:
    """Versions, processor and code paths of a training in this process, by name.

    Imports numba, which takes a quarter of a second.

    Raises
    ------
    MachineError
        If numba cannot be used.
    """
    try:
        from hpsearch.training.target import describe_target
    except Exception as error:  # a broken installation can raise any
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise MachineError(
            f"numba cannot be used: {reason}; `hpsearch doctor` checks it"
        ) from error
    return machine_versions() | describe_target()
