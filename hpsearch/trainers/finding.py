"""Trainers by name or import path, and the hash of their source."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from hpsearch.errors import MachineError, UsageError
from hpsearch.trainers.base import Trainer
from hpsearch.wording import suggest

__all__ = ["TRAINERS", "TrainerSpec", "find_module", "hash_source", "importing_from"]

# Trainers of this package by name.
TRAINERS = {
    "two_layer_net": "hpsearch.trainers.two_layer_net:TwoLayerNetTrainer",
    "sklearn": "hpsearch.trainers.named_estimator:NamedEstimatorTrainer",
}


@dataclass(frozen=True)
class TrainerSpec:
    """Which trainer a study uses: plain values, from which each process imports the class.

    Parameters
    ----------
    path : str
        Import path of the class, ``module:Class``.
    folder : Path, optional
        Folder that modules are imported from before all others: the study file's.
    source_sha256 : str, optional
        Hash of the source that the study began with; None for trainers of this package.
    """

    path: str
    folder: Path | None = None
    source_sha256: str | None = None

    def load(self) -> type[Trainer]:
        """Import the class.

        Raises
        ------
        UsageError
            If there is no such module or class, or it is not a trainer.
        MachineError
            If its source is another one than the study began with.
        """
        module_name, _, class_name = self.path.partition(":")
        folders = [self.folder] if self.folder else []
        file = find_module(module_name, folders, f"trainer {self.path}")
        if self.source_sha256 is not None and (found := hash_source(file)) != self.source_sha256:
            raise MachineError(
                f"trainer {self.path}: its source has the SHA-256 {found[:12]}, expected "
                f"{self.source_sha256[:12]}, with which the study began"
            )
        module = _import_module(module_name, file, folders, f"trainer {self.path}")
        trainer = getattr(module, class_name, None)
        if trainer is None:
            known = [n for n, value in vars(module).items() if _is_trainer(value)]
            raise UsageError(
                f"trainer {self.path}: {module.__file__} has no {class_name}"
                f"{suggest(class_name, known)}"
            )
        if not _is_trainer(trainer):
            raise UsageError(
                f"trainer {self.path}: expected a subclass of hpsearch.Trainer, got {trainer!r}"
            )
        found_class: type[Trainer] = trainer
        return found_class


def find_module(module: str, folders: Sequence[Path], what: str) -> Path:
    """Find the source file of a module without importing it.

    Parameters
    ----------
    module : str
        Its dotted name.
    folders : sequence of Path
        Searched first, in order.
    what : str
        What names the module, for the error message.

    Raises
    ------
    UsageError
        If there is no such module.
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
        places = ", ".join([*map(str, folders), "the installed packages"])
        raise UsageError(f"{what}: found no module {module!r} in {places}")
    return Path(spec.origin)


def hash_source(file: Path) -> str:
    """SHA-256 of a module's source; of a module in a package, of all modules of that package."""
    top = file
    while (top.parent / "__init__.py").exists():
        top = top.parent
    files = [file] if top == file else sorted(top.rglob("*.py"))
    digest = hashlib.sha256()
    for one in files:
        name = one.relative_to(top.parent).as_posix()
        digest.update(f"{name}\0{one.stat().st_size}\0".encode())
        digest.update(one.read_bytes())
    return digest.hexdigest()


@contextmanager
def importing_from(folders: Sequence[Path]) -> Iterator[None]:
    """Search `folders` first for modules to import, inside the context."""
    before = sys.path.copy()
    sys.path[:0] = [str(folder) for folder in folders]
    try:
        yield
    finally:
        sys.path[:] = before


def _import_module(name: str, file: Path, folders: Sequence[Path], what: str) -> ModuleType:
    """Import the module `name`, whose source is `file`."""
    known = sys.modules.get(name)
    if known and known.__file__ and Path(known.__file__) != file:
        del sys.modules[name]  # of the same name, in another study's folder
    try:
        with importing_from(folders):
            return importlib.import_module(name)
    except Exception as error:  # a user's module may raise any
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UsageError(f"{what}: cannot be imported: {reason}") from error


def _is_trainer(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Trainer) and value is not Trainer
