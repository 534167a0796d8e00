"""Which code produced a result."""

import contextlib
import functools
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from threadpoolctl import threadpool_info

__all__ = ["code_version", "machine_versions", "package_versions"]

_PACKAGES = ("numpy", "numba", "optuna", "joblib")


def code_version() -> str:
    """The program's version; in a git checkout with its commit."""
    here = Path(__file__).resolve().parent.parent
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
    """What the last bit of a training depends on: NumPy, its BLAS, and the processor."""
    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    # SciPy brings a BLAS of its own, where it has been imported; trials compute with NumPy's.
    numpys = [library for library in loaded if "numpy" in library["filepath"]]
    blas = [
        f"{library['internal_api']} {library['version']} {library.get('architecture', '')}".strip()
        for library in numpys or loaded
    ]
    return {
        "numpy": version("numpy"),
        "blas": ", ".join(sorted(set(blas))),
        "processor": _processor(),
    }


@functools.cache
def _processor() -> str:
    """Architecture, name, family and model, as far as the system tells them."""
    told = dict.fromkeys(("model name", "cpu family", "model"), "")
    with contextlib.suppress(OSError):  # elsewhere than on Linux
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() in told:
                told[name.strip()] = value.strip()
    if not told["model name"]:
        return f"{platform.machine()} {platform.processor()}".strip()
    return (
        f"{platform.machine()} {told['model name']}"
        f" family {told['cpu family']} model {told['model']}"
    )


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages whose arithmetic or order a result depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}
