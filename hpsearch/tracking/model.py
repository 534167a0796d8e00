"""The best net as an MLflow model: no pickle, no import of this program, its own preprocessing."""

import contextlib
import json
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types.schema import Schema, TensorSpec
from numpy.typing import NDArray
from safetensors.numpy import save_file

from hpsearch.tracking.views import NetView

__all__ = ["describe_dataset", "register_net", "rehearse"]

ALIAS = "best"
_NET_TAG = "net_sha256"


def register_net(client: MlflowClient, name: str, run_id: str, view: NetView) -> str:
    """Log `view` under the run, register it as `name`, and point the alias ``best`` to it.

    A net that is registered already is not logged again.

    Returns
    -------
    str
        The version.
    """
    number = _find_version(client, name, view.sha256) or _add_version(client, name, run_id, view)
    for key, value in {_NET_TAG: view.sha256, **view.tags}.items():
        client.set_model_version_tag(name, number, key, value)
    client.update_registered_model(name, description=view.summary)
    client.update_model_version(name, number, description=view.summary)
    client.set_registered_model_alias(name, ALIAS, number)
    return number


def rehearse() -> None:
    """Save a model that is thrown away.

    For the first one of a process MLflow imports more of itself, and lists all that is installed:
    most of a second.
    """
    one = np.ones((1, 1), np.float32)
    net = {"W1": one, "b1": one[0], "W2": one, "b2": one[0], "mean_image": one[0]}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as net_folder:
        save_file(net, Path(net_folder, "net.safetensors"))
        model = _describe_model(Path(net_folder), np.zeros((1, 1, 1, 1), np.uint8))
        mlflow.pyfunc.save_model(str(Path(folder, "model")), **model)


def describe_dataset(data: Mapping[str, Any]) -> DatasetInput:
    """The data set as an input that MLflow's pages show.

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


def _find_version(client: MlflowClient, name: str, sha256: str) -> str | None:
    try:
        versions = client.search_model_versions(f"name = '{name}'")
    except MlflowException:
        return None
    same = [version for version in versions if version.tags.get(_NET_TAG) == sha256]
    return str(same[0].version) if same else None


def _add_version(client: MlflowClient, name: str, run_id: str, view: NetView) -> str:
    with mlflow.start_run(run_id=run_id):
        info = mlflow.pyfunc.log_model(
            name="best_net",
            metadata={_NET_TAG: view.sha256},
            tags={_NET_TAG: view.sha256},
            **_describe_model(view.folder, view.example),
        )
    with contextlib.suppress(MlflowException):  # it is there already
        client.create_registered_model(name)
    added = client.create_model_version(
        name, source=info.model_uri, run_id=run_id, model_id=info.model_id
    )
    return str(added.version)


def _describe_model(net: Path, example: NDArray[np.uint8]) -> dict[str, Any]:
    """The net in a folder, what serves it, and what that needs."""
    packages = ("mlflow", "numpy", "safetensors")
    return {
        "artifacts": {"net": str(net)},
        "signature": ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, *example.shape[1:]))]),
            outputs=Schema([TensorSpec(np.dtype(np.int64), (-1,))]),
        ),
        "input_example": example,
        "python_model": str(Path(__file__).with_name("served_net.py")),
        "pip_requirements": [f"{package}=={version(package)}" for package in packages],
    }
