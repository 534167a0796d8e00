"""Export of a net to a folder that other programs can read: safetensors, manifest, README."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as format_tensors

from hpsearch.data import Preprocessing, Scaling, Schema, TargetScale, load_scaling, load_schema
from hpsearch.errors import DamagedDataError, MissingDataError, StoreError
from hpsearch.files import write_atomically
from hpsearch.results.net import Net

__all__ = ["MANIFEST_FILE", "NET_FILE", "export_net", "load_net"]

NET_FILE = "net.safetensors"
MANIFEST_FILE = "manifest.json"

_HEAD = """# {study}: the net of trial {trial}

A two-layer net (ReLU), {val_score}.
"""

_IMAGES = """`net.safetensors` holds W1, b1, W2, b2, {arrays}; `manifest.json` the rest.

With this program:

    import hpsearch
    net = hpsearch.load_net("{folder}")
    net.predict(images)            # uint8, shape (N, {shape})

With NumPy and safetensors alone:

    import numpy as np
    from safetensors.numpy import load_file
    net = load_file("net.safetensors")
    {inputs}
    scores = np.maximum(x @ net["W1"] + net["b1"], 0) @ net["W2"] + net["b2"]
    classes = scores.argmax(axis=1)
"""

_TABLE = """`net.safetensors` holds W1, b1, W2, b2 and how columns are scaled; `manifest.json` names
the columns and the categories.

    import hpsearch
    net = hpsearch.load_net("{folder}")
    net.predict(frame)             # a pandas DataFrame with the columns, or an array (N, {n})
"""


def export_net(net: Net, folder: Path) -> None:
    """Write `net` to `folder`: ``net.safetensors``, ``manifest.json``, ``README.md``.

    The manifest is written last: a folder without one is incomplete.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # safetensors writes the buffer as stored, ignoring strides; arrays may be in Fortran order.
        arrays = {name: np.ascontiguousarray(array) for name, array in net.arrays().items()}
        write_atomically(folder / NET_FILE, format_tensors(arrays))
        write_atomically(folder / "README.md", _write_readme(net, folder.name).encode())
        manifest = json.dumps(_describe(net), indent=2) + "\n"
        write_atomically(folder / MANIFEST_FILE, manifest.encode())
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror})") from error


def load_net(folder: str | Path) -> Net:
    """Load a net that `export_net` or ``hpsearch best`` wrote.

    Parameters
    ----------
    folder : path
        Folder with ``net.safetensors`` and ``manifest.json``.

    Raises
    ------
    MissingDataError
        If there is no net in `folder`.
    DamagedDataError
        If a file is malformed, or the net does not match the manifest's hash.
    """
    folder = Path(folder)
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_bytes())
        arrays = parse_tensors((folder / NET_FILE).read_bytes())
        net, expected = _assemble(manifest, arrays), manifest["net_sha256"]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingDataError(
            f"{folder}: expected a folder with {NET_FILE} and {MANIFEST_FILE}"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise DamagedDataError(f"{folder}: expected a net, got a damaged one ({reason})") from error
    if net.sha256() != expected:
        raise DamagedDataError(
            f"{folder / NET_FILE}: expected the net {expected} of the manifest, got {net.sha256()}"
        )
    return net


def _write_readme(net: Net, folder: str) -> str:
    head = _HEAD.format(val_score=net.val_score, **net.facts)
    if isinstance(net.preprocessing, Scaling):
        return head + _TABLE.format(folder=folder, n=net.schema.n_features)
    shape = ", ".join(map(str, net.image_shape))
    return head + _IMAGES.format(folder=folder, shape=shape, **_explain(net.preprocessing))


def _explain(preprocessing: Preprocessing) -> dict[str, str]:
    arrays, lines = ["the mean image"], ["x = images.reshape(len(images), -1)"]
    if preprocessing.contrast_floor is not None:
        arrays.append("what steadies the contrast of blank images")
        lines.append("x = x - x.mean(axis=1, keepdims=True)")
        lines.append('x = x / np.sqrt(x.var(axis=1, keepdims=True) + net["contrast_floor"])')
    lines.append('x = x - net["mean_image"]')
    if preprocessing.components is not None:
        arrays.append("the components of the basis")
        lines.append('x = x @ net["components"]')
    return {"arrays": ", ".join(arrays), "inputs": "\n    ".join(lines)}


def _describe(net: Net) -> dict[str, Any]:
    return {
        "net_sha256": net.sha256(),
        "schema": net.schema.describe(),
        "arrays": {name: list(array.shape) for name, array in sorted(net.arrays().items())},
        "versions": {name: version(name) for name in ("hpsearch", "numpy", "safetensors")},
        **net.facts,
    }


def _assemble(manifest: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Net:
    described = {"net_sha256", "schema", "arrays", "versions"}
    schema = load_schema(manifest["schema"])
    preprocessing = (_assemble_images if schema.image_shape else _assemble_table)(schema, arrays)
    n_inputs, n_hidden = preprocessing.n_inputs, len(arrays["b1"])
    shapes = {
        "W1": (n_inputs, n_hidden),
        "b1": (n_hidden,),
        "W2": (n_hidden, schema.n_outputs),
        "b2": (schema.n_outputs,),
    }
    _check(arrays, shapes, np.float32)
    if "target_scale" in arrays:
        _check(arrays, {"target_scale": (2,)}, np.float64)
    return Net(
        parameters={name: arrays[name] for name in shapes},
        preprocessing=preprocessing,
        schema=schema,
        facts={key: value for key, value in manifest.items() if key not in described},
        target_scale=(
            TargetScale(*arrays["target_scale"].tolist()) if "target_scale" in arrays else None
        ),
    )


def _assemble_images(schema: Schema, arrays: dict[str, NDArray[Any]]) -> Preprocessing:
    shapes: dict[str, tuple[int, ...]] = {"mean_image": (schema.n_features,)}
    if "components" in arrays:
        shapes["components"] = (schema.n_features, arrays["W1"].shape[0])
    if "contrast_floor" in arrays:
        shapes["contrast_floor"] = (1,)
    _check(arrays, shapes, np.float32)
    floor = arrays.get("contrast_floor")
    return Preprocessing(
        arrays["mean_image"],
        arrays.get("components"),
        None if floor is None else float(floor[0]),
    )


def _assemble_table(schema: Schema, arrays: dict[str, NDArray[Any]]) -> Scaling:
    _check(arrays, {"scaling": (4, schema.n_features)}, np.float64)
    return load_scaling(arrays["scaling"])


def _check(
    arrays: dict[str, NDArray[Any]], shapes: dict[str, tuple[int, ...]], dtype: type[np.generic]
) -> None:
    for name, shape in shapes.items():
        if arrays[name].shape != shape or arrays[name].dtype != dtype:
            raise ValueError(
                f"{name}: expected {np.dtype(dtype)} {shape}, got {arrays[name].dtype}"
                f" {arrays[name].shape}"
            )
