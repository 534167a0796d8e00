"""Faster imports of large libraries."""

import gc
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib import import_module

from hpsearch.garbage import collecting_no_garbage

__all__ = ["import_to_stay"]


def import_to_stay(*modules: str, without: Collection[str] = ()) -> None:
    """Import modules that this process will need until it exits.

    Garbage collection is disabled during the import, and afterwards ignores all objects that
    exist then.

    Parameters
    ----------
    *modules : str
        Names of the modules.
    without : collection of str
        Packages that the modules import optionally, hidden during the import, unless imported
        already. They are hidden from all threads, so this is only for processes that belong to
        the program.
    """
    if all(module in sys.modules for module in modules):
        return
    with collecting_no_garbage(), _hiding(without):
        for module in modules:
            import_module(module)
    gc.freeze()


@contextmanager
def _hiding(packages: Collection[str]) -> Iterator[None]:
    hidden = {package: None for package in packages if package not in sys.modules}
    # None marks a module that must not be found.
    sys.modules.update(hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]
