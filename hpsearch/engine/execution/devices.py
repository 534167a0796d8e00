"""Devices of worker processes: each process takes a free one, and sees no other GPU."""

import atexit
import contextlib
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from hpsearch.foundations.environment_variables import CUDA_DEVICES, DEVICE
from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.files import HeldElsewhereError, holding_file

__all__ = ["DeviceSlots", "check_devices"]

_FORM = re.compile(r"cpu|mps|cuda:(\d+)", re.ASCII)

_POLL_INTERVAL_S = 0.05
# A worker is replaced after it has died; only processes that it forked can hold its lock longer.
_PATIENCE_S = 60.0


def check_devices(devices: Sequence[str], *, backend: str, n_jobs: int | None) -> None:
    """Check that workers can be given one device each.

    Parameters
    ----------
    devices : sequence of str
        Names, as of PyTorch; empty if workers get none.
    backend : str
        joblib's backend.
    n_jobs : int or None
        Number of workers; None for as many as there are devices.

    Raises
    ------
    UsageError
        If a name is not of a known form, the backend's workers are not processes of this machine,
        or there are more workers than devices.
    """
    if not devices:
        return
    given = f"--devices {','.join(devices)}"
    for name in devices:
        if not _FORM.fullmatch(name):
            raise UsageError(
                f"{given}: expected cuda:NUMBER, mps or cpu, separated by commas, got {name!r}"
            )
    if backend == "dask":
        raise UsageError(
            f"{given}: expected --backend loky, got dask; start each Dask worker with its own "
            f"{CUDA_DEVICES}, and {DEVICE}=cuda:0"
        )
    if backend != "loky":
        raise UsageError(
            f"{given}: expected --backend loky, whose workers are processes, got {backend}"
        )
    if n_jobs is not None and n_jobs > len(devices):
        raise UsageError(f"--jobs {n_jobs}: expected at most {len(devices)}, as of {given}")


@dataclass(frozen=True)
class DeviceSlots:
    """Devices of a run, each for one worker process at a time.

    A process that takes a device locks a file for as long as it lives. The kernel releases the
    lock however the process ends, so that the process that replaces it finds the device free.

    Parameters
    ----------
    folder : Path
        Existing folder for the locked files, of this run alone.
    variables : tuple of mapping
        For each device, the environment variables of its worker.
    """

    folder: Path
    variables: tuple[Mapping[str, str], ...]

    @classmethod
    def make(cls, folder: Path, devices: Sequence[str], visible: str | None) -> "DeviceSlots":
        """Make the slots of `devices`.

        Parameters
        ----------
        folder : Path
            Existing folder, of this run alone.
        devices : sequence of str
            Names of devices, checked by `check_devices`.
        visible : str or None
            ``CUDA_VISIBLE_DEVICES`` of the coordinator: ``cuda:1`` is the second of these, as for
            PyTorch. None if all GPUs are visible.

        Raises
        ------
        UsageError
            If a device is not visible.
        """
        return cls(folder, tuple(_choose_variables(name, visible) for name in devices))

    def take(self, patience_s: float = _PATIENCE_S) -> None:
        """Take the first free device for this process, by its environment.

        To be called before a library reads ``CUDA_VISIBLE_DEVICES``. The process exits if no
        device becomes free, or the run has ended; the pool reports that workers die.
        """
        gives_up_at = time.monotonic() + patience_s
        try:
            while not any(self._try_taking(number) for number in range(len(self.variables))):
                if time.monotonic() > gives_up_at:
                    _exit(f"no device was free for a worker in {patience_s} s")
                time.sleep(_POLL_INTERVAL_S)
        except FileNotFoundError:  # the folder, with the run
            os._exit(1)
        except OSError as error:
            _exit(f"{self.folder}: cannot be locked ({error.strerror})")

    def _try_taking(self, number: int) -> bool:
        lock = contextlib.ExitStack()
        try:
            lock.enter_context(holding_file(self.folder / str(number)))
        except HeldElsewhereError:
            return False
        atexit.register(lock.close)  # a lock that nothing refers to would be released at once
        os.environ.update(self.variables[number])
        return True


def _exit(reason: str) -> NoReturn:
    sys.stderr.write(f"hpsearch: {reason}\n")
    sys.stderr.flush()
    os._exit(1)


def _choose_variables(device: str, visible: str | None) -> Mapping[str, str]:
    """Choose the environment variables of the worker that takes `device`."""
    found = _FORM.fullmatch(device)
    assert found
    if found[1] is None:
        return {DEVICE: device, CUDA_DEVICES: ""}
    number = int(found[1])
    if visible is None:
        return {DEVICE: "cuda:0", CUDA_DEVICES: str(number)}
    names = [name.strip() for name in visible.split(",") if name.strip()]
    if number >= len(names):
        raise UsageError(
            f"--devices {device}: expected one of the GPUs that {CUDA_DEVICES}={visible} leaves "
            f"visible, numbered from 0; there are {len(names)}"
        )
    # The only GPU that the worker sees is its first.
    return {DEVICE: "cuda:0", CUDA_DEVICES: names[number]}
