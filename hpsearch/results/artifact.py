"""A net as a folder that outlives this program: safetensors, a manifest, a README."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as format_tensors

from hpsearch.data import Preprocessing
from hpsearch.errors import DamagedDataError, MissingDataError, StoreError
from hpsearch.files import write_atomically
from hpsearch.results.net import Net

__all__ = ["MANIFEST_FILE", "NET_FILE", "export_net", "load_net"]

NET_FILE = "net.safetensors"
MANIFEST_FILE = "manifest.json"
_PARAMETERS = ("W1", "b1", "W2", "b2")

_README = """# {study}: the net of trial {trial}

A two-layer net (ReLU, softmax), validation accuracy {val_accuracy:.4f}.
`net.safetensors` holds W1, b1, W2, b2, {arrays}; `manifest.json` the rest.

With this program:

    import hpsearch
    net = hpsearch.load_net("{folder}")
    net.predict(images)            # uint8, shape (N, {height}, {width}, {colours})

With NumPy and safetensors alone:

    import numpy as np
    from safetensors.numpy import load_file
    net = load_file("net.safetensors")
    {inputs}
    scores = np.maximum(x @ net["W1"] + net["b1"], 0) @ net["W2"] + net["b2"]
    classes = scores.argmax(axis=1)
"""


def export_net(net: Net, folder: Path) -> None:
    """Write `net` to `folder`: ``net.safetensors``, ``manifest.json``, ``README.md``.

    The manifest is written last: a folder without one is not finished.

    Raises
    ------
    StoreError
        If the disk refuses.
    """
    height, width, colours = net.image_shape
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # safetensors writes memory as it lies, which an older checkpoint may do by columns.
        arrays = {name: np.ascontiguousarray(array) for name, array in net.arrays().items()}
        write_atomically(folder / NET_FILE, format_tensors(arrays))
        readme = _README.format(
            folder=folder.name,
            height=height,
            width=width,
            colours=colours,
            **_explain(net.preprocessing),
            **net.facts,
        )
        write_atomically(folder / "README.md", readme.encode())
        manifest = json.dumps(_describe(net), indent=2) + "\n"
        write_atomically(folder / MANIFEST_FILE, manifest.encode())
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror})") from error


def load_net(folder: str | Path) -> Net:
    """Load a net that `export_net` or ``hpsearch best`` wrote.

    Parameters
    ----------
    folder : path
        With ``net.safetensors`` and ``manifest.json``.

    Raises
    ------
    MissingDataError
        If there is no net in `folder`.
    DamagedDataError
        If a file is not what it should be, or the net is not the one of the manifest.
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
        "image_shape": list(net.image_shape),
        "class_names": list(net.class_names),
        "arrays": {name: list(array.shape) for name, array in sorted(net.arrays().items())},
        "versions": {name: version(name) for name in ("hpsearch", "numpy", "safetensors")},
        **net.facts,
    }


def _assemble(manifest: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Net:
    described = {"net_sha256", "image_shape", "class_names", "arrays", "versions"}
    height, width, colours = manifest["image_shape"]
    n_pixels, n_classes = height * width * colours, len(manifest["class_names"])
    n_inputs, n_hidden = arrays["W1"].shape
    expected = {
        "W1": (n_inputs if "components" in arrays else n_pixels, n_hidden),
        "b1": (n_hidden,),
        "W2": (n_hidden, n_classes),
        "b2": (n_classes,),
        "mean_image": (n_pixels,),
    }
    if "components" in arrays:
        expected["components"] = (n_pixels, n_inputs)
    if "contrast_floor" in arrays:
        expected["contrast_floor"] = (1,)
    for name, shape in expected.items():
        if arrays[name].shape != shape or arrays[name].dtype != np.float32:
            raise ValueError(
                f"{name}: expected float32 {shape}, got {arrays[name].dtype} {arrays[name].shape}"
            )
    floor = arrays.get("contrast_floor")
    return Net(
        parameters={name: arrays[name] for name in _PARAMETERS},
        preprocessing=Preprocessing(
            arrays["mean_image"],
            arrays.get("components"),
            None if floor is None else float(floor[0]),
        ),
        image_shape=(height, width, colours),
        class_names=tuple(manifest["class_names"]),
        facts={key: value for key, value in manifest.items() if key not in described},
    )
