"""Packages that tests need beyond those of the program."""

import os
from importlib import import_module
from types import ModuleType

import pytest

__all__ = ["import_torch"]


def import_torch() -> ModuleType:
    """Import PyTorch; without it skip the test or module, but fail in CI, which installs it."""
    if os.environ.get("CI"):
        return import_module("torch")
    module: ModuleType = pytest.importorskip(
        "torch", reason="needs PyTorch: make EXTRAS=dev,pytorch test"
    )
    return module
