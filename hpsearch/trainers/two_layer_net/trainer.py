"""The two-layer net as a trainer: affine, ReLU, affine, softmax, in float32."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Field, Tag, model_validator

from hpsearch.datasets import Schema
from hpsearch.foundations.errors import MachineError
from hpsearch.foundations.metrics import Task
from hpsearch.foundations.tables import Table
from hpsearch.trainers.base import EpochMetrics, Finding, Picture, Trainer, TrainingData
from hpsearch.trainers.two_layer_net import (
    Hyperparameters,
    OptimizerState,
    WeightSnapshots,
    add_snapshot,
    averaged,
    score,
    snapshot_epochs,
    start_snapshots,
)
from hpsearch.trainers.two_layer_net.basis import Basis, Frequencies, PrincipalComponents
from hpsearch.trainers.two_layer_net.derived import derive_arrays, plan_arrays
from hpsearch.trainers.two_layer_net.net import Parameters
from hpsearch.trainers.two_layer_net.preprocessing import InputSettings, Preprocessing
from hpsearch.trainers.two_layer_net.scaling import Scaling, TargetScale, load_scaling
from hpsearch.trainers.two_layer_net.split import Split, make_split

if TYPE_CHECKING:
    from hpsearch.trainers.two_layer_net.sgd import GradientDescent

__all__ = ["BasisSettings", "TwoLayerNetSettings", "TwoLayerNetTrainer"]

# Hyperparameters that apply to images only.
_FOR_IMAGES = (
    "receptive_field_radius",
    "n_components",
    "whitening",
    "horizontal_flip",
    "max_shift",
    "cutout_size",
)
_WITH_NUMPY = """
With NumPy and safetensors alone:

    import numpy as np
    from safetensors.numpy import load_file
    net = load_file("net.safetensors")
    {inputs}
    scores = np.maximum(x @ net["W1"] + net["b1"], 0) @ net["W2"] + net["b2"]
    classes = scores.argmax(axis=1)
"""
# Smallest fraction of dead hidden units that is reported.
_MANY_DEAD = 0.1
_WEIGHTS = (
    "First-layer weights, an image for each hidden unit, those with the largest outgoing weights."
)
# Examples whose hidden layer is computed at once; bounds the memory.
_CHUNK = 500


class BasisSettings(Table):
    """Fewer numbers for an image, in place of its pixels; exactly one key is given.

    Parameters
    ----------
    components : int, optional
        So many principal components of the training images.
    variance : float, optional
        As many of them as keep this share of the variance.
    frequencies : int, optional
        So many spatial frequencies, those along which training images vary most: much the same,
        and there is nothing to fit.
    """

    components: Annotated[int, Field(ge=1)] | None = None
    variance: Annotated[float, Field(gt=0, lt=1)] | None = None
    frequencies: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> "BasisSettings":
        if [self.components, self.variance, self.frequencies].count(None) != 2:
            raise ValueError(
                "expected components, variance or frequencies, such as { components = 300 }"
            )
        return self


class TwoLayerNetSettings(Table):
    """Settings of the two-layer net.

    Parameters
    ----------
    basis : str or table
        What the net is given: ``pixels``, or fewer numbers that hold nearly all of an image.
    """

    basis: Annotated[
        Annotated[Literal["pixels"], Tag("named")] | Annotated[BasisSettings, Tag("table")],
        Discriminator(lambda given: "named" if isinstance(given, str) else "table"),
    ] = "pixels"


class TwoLayerNetTrainer(Trainer):
    """Training of a two-layer net by gradient descent."""

    Hyperparameters = Hyperparameters
    Settings = TwoLayerNetSettings
    capacity: ClassVar[Mapping[str, int]] = MappingProxyType(
        {"hidden_size": 1, "reg": -1, "dropout": -1, "input_dropout": -1, "label_smoothing": -1}
    )
    renamed: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "initial_field": "receptive_field_radius",
            "contrast": "contrast_normalization",
            "components": "n_components",
            "ridge": "whitening_ridge",
            "mirror": "horizontal_flip",
            "cutout": "cutout_size",
            "mixup": "mixup_alpha",
            "averaging": "averaging_epochs",
        }
    )
    model_file = "net.safetensors"
    serving_code = Path(__file__).with_name("served_net.py")

    def __init__(
        self,
        hyperparameters: Mapping[str, Any],
        schema: Schema,
        rng: np.random.Generator | None,
    ) -> None:
        super().__init__(hyperparameters, schema, rng)
        self._setting = Hyperparameters(**hyperparameters)
        self._net: Parameters = {}
        self._memory: OptimizerState = {}
        self._snapshots = WeightSnapshots()
        self._split: Split | None = None
        self._descent: GradientDescent | None = None
        # The preprocessing of a loaded model, and the inputs that it made of some examples.
        self._loaded: tuple[Preprocessing | Scaling, TargetScale | None] | None = None
        self._inputs: tuple[NDArray[Any], NDArray[np.float32]] | None = None

    def train_epoch(self, data: TrainingData) -> EpochMetrics:
        """Train for one epoch; the first draws the initial weights too."""
        from hpsearch.trainers.two_layer_net.sgd import (
            GradientDescent,  # numba takes a quarter of a second
        )

        assert self.rng is not None
        first_state: Mapping[str, Any] | None = None
        if self._descent is None:
            self._split = self._make_split(data.X, data.y)
            if not self._net:
                first_state = self.rng.bit_generator.state
                self._net = self._draw_net(self.rng)
            self._descent = GradientDescent(
                self._net, self._split, self._setting, self.rng, self._memory
            )
        result = self._descent.train_epoch(data.epoch)
        if not result.diverged:
            self._take_snapshot(data.epoch, first_state)
        return {
            "train_loss": float(np.mean(result.losses)),
            self.schema.metric.train_name: result.score,
            "learning_rate": result.learning_rate,
            "iteration_loss": result.losses,
        }

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """Predict scores, float32 of shape (N, C); numbers, shape (N,), for regression."""
        preprocessing, target_scale = self._find_preprocessing()
        known = self._inputs  # read once: another thread may replace it
        if known is None or known[0] is not X:
            known = self._inputs = X, preprocessing.apply(X)
        scores = score(averaged(self._net, self._memory), known[1])
        return target_scale.invert(scores) if target_scale else scores

    def state_dict(self) -> Mapping[str, Any]:
        """Return weights, optimizer state, averages and weight snapshots."""
        return {"net": self._net, "memory": self._memory, "snapshots": vars(self._snapshots)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a training, or a model: weights with their preprocessing, by name.

        Raises
        ------
        ValueError
            If arrays of a model have other shapes or types than the schema requires.
        """
        self._descent, self._inputs = None, None
        if "net" in state:
            self._net, self._memory = dict(state["net"]), dict(state["memory"])
            self._snapshots = WeightSnapshots(**state["snapshots"])
            return
        self._loaded = _read_preprocessing(state, self.schema, self._setting.inputs)
        n_inputs, n_hidden = self._loaded[0].n_inputs, len(state["b1"])
        shapes = {
            "W1": (n_inputs, n_hidden),
            "b1": (n_hidden,),
            "W2": (n_hidden, self.schema.n_outputs),
            "b2": (self.schema.n_outputs,),
        }
        _check_arrays(state, shapes, np.float32)
        self._net, self._memory = {name: state[name] for name in shapes}, {}

    def model_state_dict(self) -> Mapping[str, Any]:
        """Return the averaged weights and the preprocessing, by name."""
        preprocessing, target_scale = self._find_preprocessing()
        scale = target_scale.arrays() if target_scale else {}
        return {**averaged(self._net, self._memory), **preprocessing.arrays(), **scale}

    @classmethod
    def check_installation(cls) -> None:
        """Compile the training and compare one step with NumPy's."""
        from hpsearch.trainers.two_layer_net.selfcheck import check_training

        check_training()

    @classmethod
    def versions(cls) -> Mapping[str, str]:
        """Return the processor that loops are compiled for, and the code chosen for it."""
        try:
            from hpsearch.trainers.two_layer_net.target import describe_target
        except Exception as error:  # a broken installation can raise any
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise MachineError(
                f"numba cannot be used: {reason}; `hpsearch doctor` checks it"
            ) from error
        return describe_target()

    @classmethod
    def plan_preparation(
        cls, settings: Mapping[str, Any], space: Mapping[str, Sequence[Any]]
    ) -> Mapping[str, Any]:
        """Return the input transform, and whether images are stored as pixels."""
        basis = _load_basis(TwoLayerNetSettings(**settings))
        plan: Mapping[str, Any] = plan_arrays(asdict(basis) if basis else None, space)
        return plan

    @classmethod
    def prepare(
        cls, plan: Mapping[str, Any], schema: Schema, X: NDArray[Any], y: NDArray[Any]
    ) -> Mapping[str, NDArray[Any]]:
        """Fit the preprocessing on the training examples, and apply the input transform."""
        return derive_arrays(plan, schema, X, y)

    @classmethod
    def check_space(
        cls,
        settings: Mapping[str, Any],
        space: Mapping[str, Sequence[Any]],
        schema: Schema | None,
        prepared: Mapping[str, NDArray[Any]],
    ) -> None:
        """Check that hyperparameters suit the data and the input transform."""
        needing = [name for name in ("n_components", "whitening") if max(space[name]) > 0]
        if "global" in space["contrast_normalization"]:
            needing.append("contrast_normalization")
        if needing and settings["basis"] == "pixels":
            raise ValueError(
                f"search.space.{needing[0]} needs a basis: set trainer.basis, "
                "such as { components = 300 }"
            )
        if schema is None:
            return
        if schema.task == Task.REGRESSION and max(space["label_smoothing"]) > 0:
            raise ValueError("search.space.label_smoothing is for classes, not a regression")
        if schema.image_shape is None:
            _check_table_space(settings, space)
            return
        components = prepared.get("components")
        limits = {
            "max_shift": (min(schema.image_shape[:2]) - 1, "images of their size"),
            "n_components": (0 if components is None else components.shape[1], "the basis"),
        }
        for name, (limit, what) in limits.items():
            if max(space[name]) > limit:
                raise ValueError(
                    f"search.space.{name} must be at most {limit} for {what}, "
                    f"got {max(space[name])}"
                )

    def describe(self) -> str:
        """Describe the net."""
        return "A two-layer net (ReLU)"

    def explain_model(self) -> str:
        """Explain prediction of images with NumPy and safetensors alone."""
        preprocessing, _ = self._find_preprocessing()
        if not isinstance(preprocessing, Preprocessing):
            return ""
        lines = ["x = images.reshape(len(images), -1)"]
        if preprocessing.contrast_floor is not None:
            lines.append("x = x - x.mean(axis=1, keepdims=True)")
            lines.append('x = x / np.sqrt(x.var(axis=1, keepdims=True) + net["contrast_floor"])')
        lines.append('x = x - net["mean_image"]')
        if preprocessing.components is not None:
            lines.append('x = x @ net["components"]')
        return _WITH_NUMPY.format(inputs="\n    ".join(lines))

    def figures(self, *, is_best: bool) -> Mapping[str, Picture]:
        """Draw first-layer weights; of the best net also those of each class, and by epoch."""
        # matplotlib takes half a second to import, and workers must never import it.
        from hpsearch.trainers.two_layer_net import weight_images as images

        shape, (preprocessing, _) = self.schema.image_shape, self._find_preprocessing()
        if shape is None or not isinstance(preprocessing, Preprocessing):
            return {}
        net = averaged(self._net, self._memory)
        W1, W2 = preprocessing.to_pixels(net["W1"]), net["W2"]
        if not is_best:
            return {"weights": Picture(images.weight_tiles(W1, W2, shape), _WEIGHTS)}
        by_class = images.plot_class_weights(W1, W2, shape, self.schema.class_names)
        drawn = {
            "best_weights": Picture(
                images.weight_tiles(W1, W2, shape, alike=True),
                f"{_WEIGHTS} Neighbours are similar.",
            ),
            "class_weights": Picture(
                by_class, "The units that contribute most for each class, and against it."
            ),
        }
        snapshots = self._snapshots
        if len(snapshots.epochs):
            frames = zip(snapshots.epochs.tolist(), snapshots.tiles, strict=True)
            shown = ", ".join(map(str, snapshots.epochs))
            drawn["filmstrip"] = Picture(
                images.snapshot_strip(snapshots.tiles, shape),
                f"First-layer weights of {len(snapshots.units)} units, a column each, after "
                f"epochs {shown}.",
            )
            drawn["weights"] = Picture(
                {epoch: images.snapshot_frame(tiles, shape) for epoch, tiles in frames}
            )
        return drawn

    def diagnose(self, X: NDArray[Any], y: NDArray[Any]) -> Sequence[Finding]:  # noqa: ARG002
        """Report dead hidden units, if there are many."""
        preprocessing, _ = self._find_preprocessing()
        net = averaged(self._net, self._memory)
        n_dead, n_hidden = _count_dead_units(net, preprocessing.apply(X)), len(net["b1"])
        if n_dead < _MANY_DEAD * n_hidden:
            return ()
        remedy = "soft_threshold" if self._setting.soft_threshold else "learning_rate"
        return [
            Finding(
                f"Of the hidden units {n_dead / n_hidden:.0%} do nothing.",
                f"{n_dead:,} of {n_hidden:,} have the same value for each of {len(X):,} examples.",
                changes={remedy: -1, "hidden_size": -1},
            )
        ]

    @classmethod
    def estimate_bytes(
        cls, space: Mapping[str, Sequence[Any]], n_features: int, n_outputs: int
    ) -> int:
        """Estimate the size of the largest state: weights, two moments of Adam, an average."""
        n_hidden = int(max(space["hidden_size"]))
        return 4 * 4 * (n_hidden * (n_features + n_outputs + 1) + n_outputs)

    def _make_split(self, X: NDArray[Any], y: NDArray[Any]) -> Split:
        split = make_split(self.schema, self.prepared, X, y)
        return split.with_inputs(self._setting.inputs)

    def _draw_net(self, rng: np.random.Generator) -> Parameters:
        from hpsearch.trainers.two_layer_net.start import make_net

        assert self._split is not None
        return make_net(self._split, self._setting, rng)

    def _take_snapshot(self, epoch: int, first_state: Mapping[str, Any] | None) -> None:
        """Add a weight snapshot after some epochs, if the net is shown images."""
        assert self._split is not None
        if self.schema.image_shape is None or epoch not in snapshot_epochs(self._setting.epochs):
            return
        preprocessing = self._split.image_preprocessing
        if epoch > 1:
            self._snapshots = add_snapshot(self._snapshots, epoch, self._net, preprocessing)
        elif first_state:
            # The initial weights are drawn again: those of a wide net take much memory.
            again = np.random.default_rng()
            again.bit_generator.state = first_state
            initial = self._draw_net(again)
            self._snapshots = start_snapshots(initial, self._net, preprocessing)

    def _find_preprocessing(self) -> tuple[Preprocessing | Scaling, TargetScale | None]:
        if self._loaded:
            return self._loaded
        if self._split is None:
            self._split = make_split(self.schema, self.prepared).with_inputs(self._setting.inputs)
        return self._split.preprocessing, self._split.target_scale


def _load_basis(settings: TwoLayerNetSettings) -> Basis | None:
    basis = settings.basis
    if isinstance(basis, str):
        return None
    if basis.frequencies is not None:
        return Frequencies(basis.frequencies)
    return PrincipalComponents(basis.components, basis.variance)


def _check_table_space(settings: Mapping[str, Any], space: Mapping[str, Sequence[Any]]) -> None:
    given = [f"search.space.{name}" for name in _FOR_IMAGES if max(space[name]) > 0]
    if set(space["contrast_normalization"]) != {"none"}:
        given.append("search.space.contrast_normalization")
    if settings["basis"] != "pixels":
        given.append("trainer.basis")
    if given:
        raise ValueError(f"{given[0]} is for images, not for tables")


def _read_preprocessing(
    state: Mapping[str, Any], schema: Schema, settings: InputSettings
) -> tuple[Preprocessing | Scaling, TargetScale | None]:
    """Read the preprocessing of a model from its state, and check the arrays."""
    target_scale = None
    if "target_scale" in state:
        _check_arrays(state, {"target_scale": (2,)}, np.float64)
        target_scale = TargetScale(*state["target_scale"].tolist())
    if schema.image_shape is None:
        _check_arrays(state, {"scaling": (4, schema.n_features)}, np.float64)
        return load_scaling(state["scaling"]), target_scale
    shapes: dict[str, tuple[int, ...]] = {"mean_image": (schema.n_features,)}
    if "components" in state:
        shapes["components"] = (schema.n_features, len(state["W1"]))
    if "contrast_floor" in state:
        shapes["contrast_floor"] = (1,)
    _check_arrays(state, shapes, np.float32)
    floor = float(state["contrast_floor"][0]) if "contrast_floor" in state else None
    components = state.get("components")
    if components is not None and settings != InputSettings():
        # As `Split.with_inputs` makes them: a product's last bits depend on the order in memory.
        components = np.asfortranarray(components)
    return Preprocessing(state["mean_image"], components, floor), target_scale


def _check_arrays(
    arrays: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], dtype: type[np.generic]
) -> None:
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != dtype:
            raise ValueError(
                f"{name}: expected {np.dtype(dtype)} {shape}, got {array.dtype} {array.shape}"
            )


def _count_dead_units(net: Parameters, inputs: NDArray[np.float32]) -> int:
    """Count the hidden units whose activation is equal for all `inputs`."""
    W1, b1 = net["W1"], net["b1"]
    lowest, highest = np.full_like(b1, np.inf), np.full_like(b1, -np.inf)
    for start in range(0, len(inputs), _CHUNK):
        hidden = np.maximum(inputs[start : start + _CHUNK] @ W1 + b1, 0)
        np.minimum(lowest, hidden.min(axis=0), out=lowest)
        np.maximum(highest, hidden.max(axis=0), out=highest)
    return int(np.count_nonzero(lowest >= highest))
