"""Trainers by name or import path, and the hash of their source."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from hpsearch.datasets import NO_PREPARATION, Preparation
from hpsearch.foundations.errors import MachineError, UsageError
from hpsearch.foundations.text import suggest
from hpsearch.trainers.base import Trainer

__all__ = ["TRAINERS", "TrainerSpec", "find_module", "hash_source", "importing_from", "list_source"]

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
    settings : mapping
        The trainer's own settings.
    """

    path: str
    folder: Path | None = None
    source_sha256: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> type[Trainer]:
        """Import the class, with its settings.

        Raises
        ------
        UsageError, MachineError
            As `find_class`; or if the class refuses its settings.
        """
        try:
            return self.find_class().with_settings(self.settings)
        except ValueError as error:
            raise UsageError(f"trainer {self.path}: {error}") from error

    def find_class(self) -> type[Trainer]:
        """Import the class.

        Raises
        ------
        UsageError
            If there is no such module or class, or it is not a trainer.
        MachineError
            If its source is another one than the study began with.
        """
        module_name, _, class_name = self.path.partition(":")
        module = self._import_module(module_name)
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

    def _import_module(self, name: str) -> ModuleType:
        what, folders, file = f"trainer {self.path}", [self.folder] if self.folder else [], None
        if self.path not in TRAINERS.values():
            file = find_module(name, folders, what)
            found = hash_source(file, name)
            if self.source_sha256 not in (None, found):
                raise MachineError(
                    f"{what}: its source has the SHA-256 {found[:12]}, expected "
                    f"{str(self.source_sha256)[:12]}, with which the study began"
                )
        if file:
            _forget_others(name, file)
        try:
            with importing_from(folders):
                return importlib.import_module(name)
        except Exception as error:  # a user's module may raise any
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise UsageError(f"{what}: cannot be imported: {reason}") from error

    def preparation(self, plan: Mapping[str, Any]) -> Preparation:
        """Return what the trainer derives from the training examples, as it has planned."""
        if not plan:
            return NO_PREPARATION
        identity = {"trainer": self.path, "source_sha256": self.source_sha256, "plan": dict(plan)}
        return Preparation(identity, partial(self.load().prepare, plan))


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


def hash_source(file: Path, module: str) -> str:
    """SHA-256 of the source `file` of a module; in a package, of all modules of that package."""
    digest = hashlib.sha256()
    for one, name in _list_files(file, module):
        digest.update(f"{name}\0{one.stat().st_size}\0".encode())
        digest.update(one.read_bytes())
    return digest.hexdigest()


def list_source(spec: TrainerSpec) -> list[tuple[Path, str]]:
    """List the files that a trainer's hash covers, with their names relative to its folder.

    None for trainers of this package.
    """
    if spec.source_sha256 is None:
        return []
    module, folders = spec.path.partition(":")[0], [spec.folder] if spec.folder else []
    return _list_files(find_module(module, folders, f"trainer {spec.path}"), module)


def _list_files(file: Path, module: str) -> list[tuple[Path, str]]:
    """List a module's file, or all modules of its package, with names relative to its folder."""
    folder, top = _find_folder(file, module), file.absolute()
    # Not above the folder of imports, which may be a package for other programs.
    while top.parent != folder and (top.parent / "__init__.py").exists():
        top = top.parent
    files = sorted(top.rglob("*.py")) if top.is_dir() else [top]
    return [(one, one.relative_to(folder).as_posix()) for one in files]


def _find_folder(file: Path, module: str) -> Path:
    """Return the folder that the module in `file` is imported from."""
    return file.absolute().parents[module.count(".") + (file.name == "__init__.py")]


def _forget_others(module: str, file: Path) -> None:
    """Forget imported modules of the same name, or package, from another study's folder."""
    folder = _find_folder(file, module)
    for known in {module, module.partition(".")[0]}:
        origin = getattr(sys.modules.get(known), "__file__", None)
        if origin and _find_folder(Path(origin), known) != folder:
            for one in [one for one in sys.modules if f"{one}.".startswith(f"{known}.")]:
                del sys.modules[one]


@contextmanager
def importing_from(folders: Sequence[Path]) -> Iterator[None]:
    """Search `folders` first for modules to import, inside the context."""
    before = sys.path.copy()
    sys.path[:0] = [str(folder) for folder in folders]
    try:
        yield
    finally:
        sys.path[:] = before


def _is_trainer(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Trainer) and value is not Trainer
