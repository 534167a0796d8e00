"""Trainer of modules of PyTorch: reproducible, and resumable without pickle."""

import os
import threading
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hpsearch.datasets.schema import Schema
from hpsearch.foundations.environment_variables import DEVICE, Environment
from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.metrics import Task
from hpsearch.trainers.base import EpochMetrics, Trainer, TrainingData
from hpsearch.trainers.tensor_state import convert_tensors, restore_tensors

__all__ = ["TorchTrainer"]

_PREDICTION_BATCH = 1000
# PyTorch's generator and settings belong to the process, so its threads take turns at them.
_TURN = threading.RLock()


class TorchTrainer(Trainer):
    """A module of PyTorch with its optimizer, which the methods ``make_...`` of a subclass make.

    PyTorch's global generator is seeded from `rng` for the construction and for each epoch, and
    left as it was; so are its settings: algorithms are deterministic, and operations use one
    thread, as sums depend on the number of threads in their last bits.

    The hyperparameter ``batch_size`` is the number of examples of a step, 128 if there is none.

    Attributes
    ----------
    device : torch.device
        What ``HPSEARCH_DEVICE`` names, the CPU by default: module and batches are on it. States and
        predictions are arrays of NumPy, so a model loads on machines without it.
    module : torch.nn.Module
        What `make_module` returned, trained, on `device`.
    optimizer, scheduler
        What `make_optimizer` and `make_scheduler` returned; None if the model is loaded for
        prediction.
    """

    def __init__(
        self,
        hyperparameters: Mapping[str, Any],
        schema: Schema,
        rng: np.random.Generator | None,
    ) -> None:
        super().__init__(hyperparameters, schema, rng)
        self.device = _read_device()
        self.optimizer: Any = None
        self.scheduler: Any = None
        with _reproducible(0 if rng is None else _draw_seed(rng), self.device):
            self.module = self.make_module().to(self.device)
            if rng is not None:
                self.optimizer = self.make_optimizer(self.module)
                self.scheduler = self.make_scheduler(self.optimizer)

    @abstractmethod
    def make_module(self) -> torch.nn.Module:
        """Make the module: from `transform`'s batches to (n, n_classes) scores, or n numbers."""

    @abstractmethod
    def make_optimizer(self, module: torch.nn.Module) -> torch.optim.Optimizer:
        """Make the optimizer of the module's parameters."""

    def make_scheduler(
        self, optimizer: torch.optim.Optimizer
    ) -> torch.optim.lr_scheduler.LRScheduler | None:
        """Make a schedule of the learning rate by epochs, if there is to be one."""
        return None

    def transform(self, X: NDArray[Any]) -> torch.Tensor:
        """Convert examples to the module's input.

        Parameters
        ----------
        X : array, shape (n, D)
            Examples: for training those of a batch, for prediction at most 1,000.

        Returns
        -------
        float32 tensor
            Images in [0, 1], of shape (n, colours, height, width); rows as they are, shape (n, D).
        """
        if self.schema.image_shape is None:
            return torch.from_numpy(X.astype(np.float32))
        images = X.reshape(len(X), *self.schema.image_shape).transpose(0, 3, 1, 2)
        return torch.from_numpy(np.ascontiguousarray(images, np.float32) / np.float32(255))

    def loss(self, outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy of a batch, or mean squared error for regression."""
        if self.schema.task is Task.CLASSIFICATION:
            return torch.nn.functional.cross_entropy(outputs, y)
        return torch.nn.functional.mse_loss(outputs.reshape(y.shape), y)

    def train_epoch(self, data: TrainingData) -> EpochMetrics:
        """Take a step for each batch; return the mean of `loss` as ``train_loss``."""
        assert self.rng is not None
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        with _reproducible(_draw_seed(self.rng), self.device):
            self.module.train()
            for X, y in data.batches(self.hyperparameters.get("batch_size", 128), self.rng):
                targets = torch.from_numpy(y if y.dtype == np.int64 else y.astype(np.float32))
                outputs = self.module(self.transform(X).to(self.device))
                loss = self.loss(outputs, targets.to(self.device))
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss.detach() * len(y)
            if self.scheduler is not None:
                self.scheduler.step()
        return {"train_loss": float(total) / len(data)}

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return the module's outputs in evaluation mode."""
        outputs = []
        with _reproducible(0, self.device), torch.inference_mode():
            self.module.eval()
            for start in range(0, len(X), _PREDICTION_BATCH):
                batch = self.transform(X[start : start + _PREDICTION_BATCH])
                outputs.append(self.module(batch.to(self.device)).float().cpu().numpy())
        found = np.concatenate(outputs)
        return found if self.schema.task is Task.CLASSIFICATION else found.reshape(len(X))

    def state_dict(self) -> Mapping[str, Any]:
        """Return the states of module, optimizer and scheduler, tensors as arrays."""
        state = dict(self.model_state_dict())
        state["optimizer"] = convert_tensors(self.optimizer.state_dict(), "optimizer")
        if self.scheduler is not None:
            state["scheduler"] = convert_tensors(self.scheduler.state_dict(), "scheduler")
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore module, optimizer and scheduler, as far as they are there."""
        self.module.load_state_dict(restore_tensors(state["module"]))
        if self.optimizer is not None and "optimizer" in state:
            self.optimizer.load_state_dict(restore_tensors(state["optimizer"]))
        if self.scheduler is not None and "scheduler" in state:
            self.scheduler.load_state_dict(restore_tensors(state["scheduler"]))

    def model_state_dict(self) -> Mapping[str, Any]:
        """Return the module's state."""
        return {"module": convert_tensors(self.module.state_dict(), "module")}

    @classmethod
    def check_installation(cls) -> None:
        """Check that PyTorch can use the device.

        Raises
        ------
        RuntimeError
            If it cannot.
        """
        device = _read_device()
        try:
            torch.zeros(1, device=device)
        except Exception as error:  # AssertionError if PyTorch is built without CUDA
            reason = str(error).partition("\n")[0]
            raise RuntimeError(
                f"PyTorch {torch.__version__} cannot use the device {device} ({reason})"
            ) from error

    @classmethod
    def versions(cls) -> Mapping[str, str]:
        """Return PyTorch's version, which names that of CUDA, and the device's model or kind."""
        device = _read_device()
        has_name = device.type == "cuda" and torch.cuda.is_available()
        name = torch.cuda.get_device_name(device) if has_name else device.type
        return {"torch": torch.__version__, "device": name}


def _read_device() -> torch.device:
    name = Environment.read().device
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"{DEVICE}: expected cuda:0, mps or cpu, got {name!r}") from error


def _draw_seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**63))


@contextmanager
def _reproducible(seed: int, device: torch.device) -> Iterator[None]:
    """Seed PyTorch and make it deterministic, inside the context, for one thread at a time."""
    with _TURN:
        # cuBLAS is deterministic only with a workspace of constant size, read when it starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        n_threads = torch.get_num_threads()
        deterministic = torch.are_deterministic_algorithms_enabled()
        warns_only = torch.is_deterministic_algorithms_warn_only_enabled()
        # Not of all GPUs: to read the state of a GPU's generator takes memory on it.
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            torch.use_deterministic_algorithms(True)
            torch.set_num_threads(1)
            try:
                yield
            finally:
                torch.set_num_threads(n_threads)
                torch.use_deterministic_algorithms(deterministic, warn_only=warns_only)
