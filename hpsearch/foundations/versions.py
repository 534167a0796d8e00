"""Versions of the code and the machine that produced a result."""

import contextlib
import functools
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from threadpoolctl import threadpool_info

__all__ = ["code_version", "machine_versions", "package_versions"]

_PACKAGES = ("numpy", "numba", "llvmlite", "optuna", "joblib")
# Those that a trial's result depends on; joblib only transports it.
_DECIDING = ("numpy", "numba", "llvmlite", "optuna")


def code_version() -> str:
    """Return the program's version; in a git checkout with its commit."""
    here = Path(__file__).resolve().parents[2]
    number = version("hpsearch")
    if not (here / ".git").exists():
        return number
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return number
    return f"{number}+{described.stdout.strip()}"


def machine_versions() -> dict[str, str]:
    """Return what the last bits of a result depend on, as far as known without numba.

    Packages, NumPy's BLAS with the kernel that it chose for this processor, the extensions that
    NumPy's own loops use, the C library with its exp and log, and the processor.
    A trainer adds its own (`Trainer.versions`), such as the targets of compiled loops.
    """
    return {**_fixed_versions(), "blas": _blas()}


@functools.cache
def _fixed_versions() -> dict[str, str]:
    import numpy as np

    found = np.show_config(mode="dicts") or {}
    simd = found.get("SIMD Extensions", {})
    return {
        "hpsearch": version("hpsearch"),
        "python": platform.python_version(),
        **{name: version(name) for name in _DECIDING},
        "numpy_simd": " ".join(sorted({*simd.get("baseline", ()), *simd.get("found", ())})),
        "libc": _libc(),
        "processor": _processor(),
    }


def _libc() -> str:
    """Return the C library and its tunables, on which its exp and log depend."""
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    return " ".join(filter(None, (*platform.libc_ver(), tunables)))


def _blas() -> str:
    """Return name, version and kernel of NumPy's BLAS."""
    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    # SciPy, where it has been imported, loads another BLAS; trials compute with NumPy's.
    numpys = [library for library in loaded if "numpy" in library["filepath"]]
    blas = [
        f"{library['internal_api']} {library['version']} {library.get('architecture', '')}".strip()
        for library in numpys or loaded
    ]
    return ", ".join(sorted(set(blas)))


def _processor() -> str:
    """Return architecture, name, family and model, as far as the system reports them."""
    found = dict.fromkeys(("model name", "cpu family", "model"), "")
    with contextlib.suppress(OSError):  # elsewhere than on Linux
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() in found:
                found[name.strip()] = value.strip()
    if not found["model name"]:
        return f"{platform.machine()} {platform.processor()}".strip()
    return (
        f"{platform.machine()} {found['model name']}"
        f" family {found['cpu family']} model {found['model']}"
    )


def package_versions() -> dict[str, str]:
    """Return versions of Python and of the packages that a result depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}
