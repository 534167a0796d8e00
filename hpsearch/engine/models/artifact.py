"""Export of a model to a folder that other programs can read: safetensors, manifest, README."""

import json
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as format_tensors

from hpsearch.datasets import load_schema
from hpsearch.engine.models.trained_model import Model
from hpsearch.foundations.errors import (
    DamagedDataError,
    HpsearchError,
    MissingDataError,
    StoreError,
)
from hpsearch.foundations.files import write_atomically
from hpsearch.trainers.finding import TRAINERS, TrainerSpec, list_source
from hpsearch.trainers.state import flatten_state, unflatten_state

__all__ = ["MANIFEST_FILE", "export_model", "load_model"]

MANIFEST_FILE = "manifest.json"
# Folder with the source of a trainer that is not part of this package.
_SOURCE = "source"

_README = """# {study}: the model of trial {trial}

{what}, {val_score}.

`{file}` holds the arrays {arrays}; `manifest.json` the rest.

    import hpsearch
    model = hpsearch.load_model("{folder}")
    model.predict({examples})
{more}"""


def export_model(model: Model, folder: Path) -> None:
    """Write `model` to `folder`: arrays, ``manifest.json``, ``README.md``, the trainer's source.

    The manifest is written last: a folder without one is incomplete.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    arrays, structure = flatten_state(model.state)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _copy_source(model.spec, folder / _SOURCE)
        # safetensors writes the buffer as stored, ignoring strides; arrays may be in Fortran order.
        tensors = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        write_atomically(folder / model.trainer.model_file, format_tensors(tensors))
        write_atomically(folder / "README.md", _write_readme(model, folder.name).encode())
        manifest = json.dumps(_describe(model, structure), indent=2) + "\n"
        write_atomically(folder / MANIFEST_FILE, manifest.encode())
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror})") from error


def load_model(folder: str | Path) -> Model:
    """Load a model that `export_model` or ``hpsearch best`` wrote.

    The trainer's class is imported from the copy of its source in the folder, or, if it is part
    of this package, from there.

    Parameters
    ----------
    folder : path
        Folder with ``manifest.json``.

    Raises
    ------
    MissingDataError
        If there is no model in `folder`.
    DamagedDataError
        If a file is malformed, the model does not match the manifest's hash, or its trainer cannot
        be imported or has another source.
    """
    folder = Path(folder)
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_bytes())
        tensors = parse_tensors((folder / manifest["file"]).read_bytes())
        state = unflatten_state(tensors, json.dumps(manifest["state"]))
        model, expected = _assemble(manifest, state, folder), manifest["net_sha256"]
        found = model.sha256()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingDataError(f"{folder}: expected a folder with a model, found none") from error
    except HpsearchError as error:
        raise DamagedDataError(f"{folder}: {error}") from error
    except Exception as error:  # a trainer may raise any
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise DamagedDataError(
            f"{folder}: expected a model, got a damaged one ({reason})"
        ) from error
    if found != expected:
        raise DamagedDataError(
            f"{folder / manifest['file']}: expected the model {expected} of the manifest, got "
            f"{found}"
        )
    return model


def _copy_source(spec: TrainerSpec, folder: Path) -> None:
    """Copy the source of a trainer of the user's own, so that the model loads anywhere."""
    shutil.rmtree(folder, ignore_errors=True)
    for file, name in list_source(spec):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name)


def _write_readme(model: Model, folder: str) -> str:
    schema = model.schema
    if schema.image_shape:
        shape = ", ".join(map(str, schema.image_shape))
        examples = f"images)            # uint8, shape (N, {shape}"
    else:
        examples = f"frame)             # a pandas DataFrame, or an array (N, {schema.n_features}"
    return _README.format(
        what=model.trainer.describe(),
        val_score=model.val_score,
        file=model.trainer.model_file,
        arrays=", ".join(sorted(model.arrays())),
        folder=folder,
        examples=examples,
        more=model.trainer.explain_model(),
        study=model.facts["study"],
        trial=model.facts["trial"],
    )


def _describe(model: Model, structure: str) -> dict[str, Any]:
    spec = model.spec
    return {
        "net_sha256": model.sha256(),
        "trainer": {
            "path": spec.path,
            "source_sha256": spec.source_sha256,
            "settings": dict(spec.settings),
            "versions": dict(model.trainer.versions()),
        },
        "file": model.trainer.model_file,
        "schema": model.schema.describe(),
        "arrays": {name: list(array.shape) for name, array in sorted(model.arrays().items())},
        "state": json.loads(structure),
        "versions": {name: version(name) for name in ("hpsearch", "numpy", "safetensors")},
        **model.facts,
    }


def _assemble(manifest: Mapping[str, Any], state: Mapping[str, Any], folder: Path) -> Model:
    described = {"net_sha256", "trainer", "file", "schema", "arrays", "state", "versions"}
    own = manifest["trainer"]
    is_ours = own["path"] in TRAINERS.values()
    spec = TrainerSpec(
        own["path"],
        None if is_ours else folder / _SOURCE,
        own["source_sha256"],
        own["settings"],
    )
    schema = load_schema(manifest["schema"])
    trainer = spec.load()(manifest["hyperparameters"], schema, None)
    trainer.load_state_dict(state)
    facts = {key: value for key, value in manifest.items() if key not in described}
    return Model(trainer, spec, schema, facts)
