"""Estimators of scikit-learn as bytes and back by skops: without pickle, equal for equal models."""

import importlib.util
import io
import itertools
import json
from collections.abc import Collection, Iterable
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

if importlib.util.find_spec("skops") is None:
    raise ImportError("it needs skops: pip install 'hpsearch[sklearn]'")

__all__ = ["dump_estimator", "list_types", "load_estimator"]


def list_types(estimator: Any) -> frozenset[str]:
    """Names of the types and functions in an estimator that skops does not trust by itself."""
    return frozenset(_skops_io().get_untrusted_types(data=_dump(estimator)))


def dump_estimator(estimator: Any, own: Collection[str]) -> NDArray[np.uint8]:
    """Convert an estimator to bytes.

    Parameters
    ----------
    estimator : estimator of scikit-learn
        Fitted or not.
    own : collection of str
        Names of types and functions that it may hold besides classes of scikit-learn: those that
        the trainer's own code put into it, by `list_types` of the estimator before its training.

    Raises
    ------
    TypeError
        If it holds anything that could not be loaded again.
    """
    archive = _dump(estimator)
    _trusted(archive, own, type(estimator).__name__)
    return np.frombuffer(_canonical(archive), np.uint8)


def load_estimator(saved: NDArray[np.uint8], own: Collection[str]) -> Any:
    """Restore an estimator from the output of `dump_estimator`.

    Raises
    ------
    TypeError
        If it holds types or functions that are neither in `own` nor classes of scikit-learn.
    """
    archive = saved.tobytes()
    return _skops_io().loads(archive, trusted=_trusted(archive, own, "the saved estimator"))


def _skops_io() -> Any:
    # It imports every module of scikit-learn, which takes seconds: only when a state is saved or
    # loaded, not in each command that reads a study file.
    import skops.io

    return skops.io


def _dump(estimator: Any) -> bytes:
    try:
        archive: bytes = _skops_io().dumps(estimator)
    except Exception as error:  # a part's __reduce__ may raise any
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise TypeError(f"{type(estimator).__name__} cannot be saved by skops: {reason}") from error
    return archive


def _trusted(archive: bytes, own: Collection[str], what: str) -> list[str]:
    """Names in `archive` that skops does not trust by itself, after a check that we do."""
    names: list[str] = _skops_io().get_untrusted_types(data=archive)
    for name in names:
        # Of scikit-learn only classes, which are restored without calling them. skops leaves those
        # of trees out because altered indices in a file can crash a prediction.
        is_class = name.startswith("sklearn.") and isinstance(_resolve(name), type)
        if not is_class and (name not in own or _resolve(name) is None):
            raise TypeError(
                f"{what} holds {name}: expected classes of scikit-learn, and importable classes "
                "and functions that make_estimator put into it"
            )
    return names


def _resolve(name: str) -> Any:
    """Class or function of the name ``module.name``; None if there is none."""
    module, _, inside = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), inside, None)
    except ImportError:
        return None


def _canonical(archive: bytes) -> bytes:
    """Make an archive of skops depend on nothing but the estimator.

    skops names objects and files after addresses in memory, and zip files are dated.
    """
    ids: dict[int, int] = {}
    files: dict[str, str] = {}
    numbers = itertools.count()

    def renumber(node: Any) -> None:
        children: Iterable[Any] = ()
        if isinstance(node, list):
            children = node
        elif isinstance(node, dict):
            children = node.values()
            # Of a dict in the estimator these may be keys, with nodes as values.
            if isinstance(known := node.get("__id__"), int):
                # Whether equal numbers and strings are one object is up to the interpreter.
                is_value = node["__loader__"] == "JsonNode"
                new = next(numbers) if is_value or known not in ids else ids[known]
                if not is_value:
                    ids[known] = new
                node["__id__"] = new
            if isinstance(file := node.get("file"), str):
                node["file"] = files.setdefault(file, f"{len(files)}{file[file.rindex('.') :]}")
        for child in children:
            renumber(child)

    with ZipFile(io.BytesIO(archive)) as source:
        schema = json.loads(source.read("schema.json"))
        renumber(schema)
        contents = {"schema.json": json.dumps(schema).encode()}
        contents |= {new: source.read(old) for old, new in files.items()}
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as target:
        for name, content in contents.items():
            target.writestr(ZipInfo(name), content)  # dated 1980-01-01
    return buffer.getvalue()
