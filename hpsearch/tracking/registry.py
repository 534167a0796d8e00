"""The best model as an MLflow model, without pickle."""

import json
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import ColSpec, DataType, Schema, TensorSpec

from hpsearch.tracking.views import ModelView

__all__ = ["describe_dataset", "find_fault", "find_version", "register_model", "warm_up"]

ALIAS = "best"
_NET_TAG = "net_sha256"
# As `hpsearch.engine.models.export_model` writes it; its entry is named as the tag.
_MANIFEST_FILE = "manifest.json"
_WARM_UP_CODE = """
import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

class Nothing(PythonModel):
    def predict(self, context, model_input: np.ndarray, params=None) -> np.ndarray:
        return model_input

set_model(Nothing())
"""
# Serves a model by this package, unless its trainer brings code of its own.
_SERVING_CODE = Path(__file__).with_name("served_model.py")


def register_model(client: MlflowClient, name: str, run_id: str, view: ModelView) -> str:
    """Log `view` under the run, register it as `name`, and point the alias ``best`` to it.

    A model that is registered already is not logged again. The process's own tracking URI, active
    run and experiment are neither used nor changed.

    Returns
    -------
    str
        The version.
    """
    known = find_version(client, name, view.sha256)
    number = str(known.version) if known else _add_version(client, name, run_id, view)
    for key, value in {_NET_TAG: view.sha256, **view.tags}.items():
        client.set_model_version_tag(name, number, key, value)
    client.update_registered_model(name, description=view.summary)
    client.update_model_version(name, number, description=view.summary)
    client.set_registered_model_alias(name, ALIAS, number)
    return number


def find_version(client: MlflowClient, name: str, sha256: str) -> ModelVersion | None:
    """Find the registered version with hash `sha256`; None if there is none."""
    versions = client.search_model_versions(f"name = '{name}'")
    same = [version for version in versions if version.tags.get(_NET_TAG) == sha256]
    return same[0] if same else None


def find_fault(
    client: MlflowClient, registered: ModelVersion, run_id: str, view: ModelView
) -> str | None:
    """Explain why a registered version does not serve the model of `view`; None if it does.

    It is downloaded, compared with the exported one, loaded, and applied to the example.
    """
    if registered.run_id != run_id:
        return "its run is gone"
    uri = client.get_model_version_download_uri(registered.name, registered.version)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = download_artifacts(
                artifact_uri=uri, dst_path=folder, tracking_uri=client.tracking_uri
            )
            there = Path(path, "artifacts", view.folder.name)
            if _read_content(there, view) != _read_content(view.folder, view):
                return "it is another model"
            mlflow.pyfunc.load_model(path).predict(view.example)
    except Exception as error:  # its code, files or requirements may raise anything
        reason = (str(error).strip().splitlines() or [""])[0]
        return f"it does not load ({type(error).__name__}: {reason[:200]})"
    return None


def _read_content(folder: Path, view: ModelView) -> tuple[bytes, str]:
    """Read a model's arrays, and its hash, which covers plain values too."""
    manifest = json.loads((folder / _MANIFEST_FILE).read_bytes())
    return (folder / view.model_file).read_bytes(), manifest[_NET_TAG]


def warm_up() -> None:
    """Save a model and discard it.

    For the first model of a process MLflow imports further modules and lists all installed
    packages, which takes most of a second.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as empty:
        code = Path(folder, "served.py")
        code.write_text(_WARM_UP_CODE)
        view = ModelView(Path(empty), "", 0, np.zeros((1, 1)), "", serving_code=code)
        mlflow.pyfunc.save_model(str(Path(folder, "model")), **_describe_model(view))


def describe_dataset(data: Mapping[str, Any]) -> DatasetInput:
    """Describe the data set as an input of an MLflow run.

    Parameters
    ----------
    data : mapping
        ``name``, ``source``, ``checksum`` and ``shape``.
    """
    dataset = Dataset(
        name=data["name"],
        digest=data["checksum"][:36],
        source_type="local",
        source=json.dumps({"uri": data["source"]}),
        profile=json.dumps({"shape": data["shape"], "checksum": data["checksum"]}),
    )
    return DatasetInput(dataset, tags=[InputTag("mlflow.data.context", "training")])


def _add_version(client: MlflowClient, name: str, run_id: str, view: ModelView) -> str:
    run = client.get_run(run_id)
    logged = client.create_logged_model(
        run.info.experiment_id,
        name="best_net",
        source_run_id=run_id,
        tags={_NET_TAG: view.sha256},
        params=run.data.params,
    )
    about = Model(
        run_id=run_id,
        model_id=logged.model_id,
        model_uuid=logged.model_id,
        metadata={_NET_TAG: view.sha256},
    )
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "model"))
        mlflow.pyfunc.save_model(path, mlflow_model=about, **_describe_model(view))
        client.log_model_artifacts(logged.model_id, path)
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # A server resolves a ``models:/`` URI; without one MLflow would look it up in the process's
    # default store.
    is_server = client.tracking_uri.startswith("http")
    source = f"models:/{logged.model_id}" if is_server else logged.artifact_location
    added = client.create_model_version(name, source, run_id, model_id=logged.model_id)
    return str(added.version)


def _describe_inputs(example: Any) -> Schema:
    """Describe the input as a tensor, or as the columns of a table, all of them optional."""
    if not hasattr(example, "columns"):
        return Schema([TensorSpec(example.dtype, (-1, *example.shape[1:]))])
    kinds = {
        name: DataType.double if example[name].dtype == float else DataType.string
        for name in example
    }
    return Schema([ColSpec(kind, name, required=False) for name, kind in kinds.items()])


def _describe_model(view: ModelView) -> dict[str, Any]:
    """Describe the model: its folder, the code that serves it, and its requirements."""
    packages = ["mlflow", "numpy", "safetensors", *view.requirements]
    if view.serving_code is None:
        packages.append("hpsearch")
    return {
        "artifacts": {"net": str(view.folder)},
        "signature": ModelSignature(
            inputs=_describe_inputs(view.example),
            outputs=Schema([TensorSpec(np.dtype(view.output_type), (-1,))]),
        ),
        "input_example": view.example,
        "python_model": str(view.serving_code or _SERVING_CODE),
        "pip_requirements": [f"{package}=={version(package)}" for package in packages],
    }
