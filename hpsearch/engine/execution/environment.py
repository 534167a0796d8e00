"""Environment variables that worker processes inherit: no addresses, no passwords."""

import os

__all__ = ["allowed", "drop_unneeded", "passed_environment", "worker_environment"]

# Locations of programs, user files and temporary files; language and time zone.
_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "VIRTUAL_ENV", "CONDA_PREFIX", "HPSEARCH_DATA_DIR"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "GLIBC_TUNABLES"),
        *("SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "HOMEDRIVE", "HOMEPATH"),
        *("APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "NUMBER_OF_PROCESSORS"),
    }
)
# Python, locale, memory; threads and caches of numerical libraries; joblib; accelerators; fonts.
_PREFIXES = (
    *("PYTHON", "LC_", "MALLOC_", "PROCESSOR_", "MPL", "FONTCONFIG_"),
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "VECLIB_", "NUMEXPR_"),
    *("NUMBA_", "NPY_", "TBB_", "ENABLE_IPC", "LOKY_", "JOBLIB_"),
    *("CUDA_", "NVIDIA_", "HIP_", "ROCR_"),
)


def allowed(name: str) -> bool:
    """Whether workers get the environment variable `name`."""
    return name in _NAMES or name.startswith(_PREFIXES)


def passed_environment() -> dict[str, str]:
    """Return the variables of this process's environment that workers get."""
    return {name: value for name, value in os.environ.items() if allowed(name)}


def worker_environment() -> dict[str, str]:
    """Return the changes to a worker's environment: variables that are not allowed are blanked.

    joblib can change variables there, but not remove any; see `drop_unneeded`. Python's warnings
    are off unless ``PYTHONWARNINGS`` is set.
    """
    blank = {name: "" for name in os.environ if not allowed(name)}
    return {"PYTHONWARNINGS": "ignore", **blank} if "PYTHONWARNINGS" not in os.environ else blank


def drop_unneeded() -> None:
    """Remove from this process's environment what `worker_environment` blanks.

    Some libraries treat an empty variable as set.
    """
    for name in list(os.environ):
        if not allowed(name):
            del os.environ[name]
