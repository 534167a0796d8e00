"""The best net as an MLflow model: no pickle, no import of this program, its own preprocessing."""

import contextlib
import json
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

from hpsearch.tracking.views import NetView

__all__ = ["describe_dataset", "register_net"]

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
    one = view.example.shape[1:]
    with mlflow.start_run(run_id=run_id):
        info = mlflow.pyfunc.log_model(
            name="best_net",
            python_model=str(Path(__file__).with_name("served_net.py")),
            artifacts={"net": str(view.folder)},
            signature=ModelSignature(
                inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, *one))]),
                outputs=Schema([TensorSpec(np.dtype(np.int64), (-1,))]),
            ),
            input_example=view.example,
            pip_requirements=[
                f"{package}=={version(package)}" for package in ("mlflow", "numpy", "safetensors")
            ],
            metadata={_NET_TAG: view.sha256},
            tags={_NET_TAG: view.sha256},
        )
    with contextlib.suppress(MlflowException):  # it is there already
        client.create_registered_model(name)
    added = client.create_model_version(
        name, source=info.model_uri, run_id=run_id, model_id=info.model_id
    )
    return str(added.version)
