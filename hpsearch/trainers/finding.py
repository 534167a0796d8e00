"""Trainers by name or import path, and the hash of their source."""

import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from hpsearch.datasets import NO_PREPARATION, Preparation
from hpsearch.foundations.errors import HpsearchError, MachineError, UsageError
from hpsearch.foundations.text import suggest
from hpsearch.foundations.user_modules import find_import_folder, find_module, import_module
from hpsearch.trainers.base import Trainer

__all__ = ["TRAINERS", "TrainerSpec", "find_trainer_file", "hash_source", "list_source"]

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
        module, class_name = self._import_module(), self.path.partition(":")[2]
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

    @property
    def module(self) -> str:
        """Dotted name of the module."""
        return self.path.partition(":")[0]

    @property
    def folders(self) -> list[Path]:
        """Folders that it is looked for in before the installed packages."""
        return [self.folder] if self.folder else []

    def _import_module(self) -> ModuleType:
        try:
            if self.path in TRAINERS.values():
                return importlib.import_module(self.module)
            file = find_trainer_file(self)
            self._check_source(file)
            return import_module(self.module, file)
        except HpsearchError:
            raise
        except Exception as error:  # a user's module may raise any
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise UsageError(f"trainer {self.path}: cannot be imported: {reason}") from error

    def _check_source(self, file: Path) -> None:
        found = hash_source(file, self.module)
        if self.source_sha256 not in (None, found):
            raise MachineError(
                f"trainer {self.path}: its source has the SHA-256 {found[:12]}, expected "
                f"{str(self.source_sha256)[:12]}, with which the study began"
            )

    def preparation(self, plan: Mapping[str, Any]) -> Preparation:
        """Return what the trainer derives from the training examples, as it has planned."""
        if not plan:
            return NO_PREPARATION
        identity = {"trainer": self.path, "source_sha256": self.source_sha256, "plan": dict(plan)}
        return Preparation(identity, partial(self.load().prepare, plan))


def find_trainer_file(spec: TrainerSpec) -> Path:
    """Find the source file of a trainer's module without importing it.

    Raises
    ------
    UsageError
        If there is no such module.
    """
    module, folders = spec.module, spec.folders
    if (file := find_module(module, folders)) is None:
        places = ", ".join([*map(str, folders), "the installed packages"])
        raise UsageError(f"trainer {spec.path}: found no module {module!r} in {places}")
    return file


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
    return _list_files(find_trainer_file(spec), spec.module)


def _list_files(file: Path, module: str) -> list[tuple[Path, str]]:
    """List a module's file, or all modules of its package, with names relative to its folder."""
    folder, top = find_import_folder(file, module), file.absolute()
    # Not above the folder of imports, which may be a package for other programs.
    while top.parent != folder and (top.parent / "__init__.py").exists():
        top = top.parent
    files = sorted(top.rglob("*.py")) if top.is_dir() else [top]
    return [(one, one.relative_to(folder).as_posix()) for one in files]


def _is_trainer(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Trainer) and value is not Trainer
