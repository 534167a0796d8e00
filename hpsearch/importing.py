"""Importing large libraries in less time."""

import gc
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib import import_module

from hpsearch.garbage import collecting_no_garbage

__all__ = ["import_to_stay"]


def import_to_stay(*modules: str, without: Collection[str] = ()) -> None:
    """Import modules that this process will need until it ends.

    What they are made of is not searched for garbage, now or later; nor is anything else that is
    there when they have been imported.

    Parameters
    ----------
    *modules : str
        Their names.
    without : collection of str
        Packages that modules import for what is not needed of them, and do without if they are
        not installed: meanwhile they are not, for any thread, so this is for processes of the
        program's own. One that has been imported stays.
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
    # Python's own sign for a module that shall not be found.
    sys.modules.update(hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]
