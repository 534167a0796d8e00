"""Modules of the user's own: found without importing them, imported from a study file's folder."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

__all__ = ["find_import_folder", "find_module", "import_module", "importing_from"]


def find_module(module: str, folders: Sequence[Path]) -> Path | None:
    """Find the source file of a module without importing it; None if there is none.

    Parameters
    ----------
    module : str
        Its dotted name.
    folders : sequence of Path
        Searched first, in order; then what is installed.
    """
    inside = Path(*module.split("."))
    for folder in folders:
        for file in (folder / inside.with_suffix(".py"), folder / inside / "__init__.py"):
            if file.is_file():
                return file
    importlib.invalidate_caches()
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        return None
    return Path(spec.origin)


def find_import_folder(file: Path, module: str) -> Path:
    """Return the folder that the module in `file` is imported from."""
    return file.absolute().parents[module.count(".") + (file.name == "__init__.py")]


def import_module(module: str, file: Path) -> ModuleType:
    """Import the module in `file`, even if one of its name from another folder was imported."""
    folder = find_import_folder(file, module)
    for known in {module, module.partition(".")[0]}:
        origin = getattr(sys.modules.get(known), "__file__", None)
        if origin and find_import_folder(Path(origin), known) != folder:
            for one in [one for one in sys.modules if f"{one}.".startswith(f"{known}.")]:
                del sys.modules[one]
    with importing_from([folder]):
        return importlib.import_module(module)


@contextmanager
def importing_from(folders: Sequence[Path]) -> Iterator[None]:
    """Search `folders` first for modules to import, inside the context."""
    before = sys.path.copy()
    sys.path[:0] = [str(folder) for folder in folders]
    try:
        yield
    finally:
        sys.path[:] = before
