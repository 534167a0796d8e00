"""Checkpoints: saving and loading the state of a training after an epoch."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.errors import DamagedDataError
from hpsearch.files import replacing
from hpsearch.net import Parameters
from hpsearch.training.epoch import Epoch
from hpsearch.training.optimizer_state import OptimizerState
from hpsearch.training.weight_snapshots import WeightSnapshots

__all__ = [
    "CHECKPOINT_FILE",
    "Checkpoint",
    "NetState",
    "load_checkpoint",
    "name_by_fold",
    "save_checkpoint",
]

CHECKPOINT_FILE = "checkpoint.npz"

# 2: optimizer state in blocks and panels. 3: with versions. 4: any metric. 5: any number of folds.
_FORMAT = 5
_NET = ("W1", "b1", "W2", "b2")
_MEMORY = "memory."
_SNAPSHOTS = "snapshots."
_FOLD = "fold{}."
_COLUMNS = (
    "train_loss",
    "train_score",
    "val_score",
    "learning_rate",
    "duration_s",
    "ended_at",
)


@dataclass(frozen=True)
class NetState:
    """State of a net in training: all that its next epoch depends on.

    Parameters
    ----------
    net : dict of float32 arrays
        W1, b1, W2, b2.
    generator_state : dict
        ``rng.bit_generator.state``.
    memory : dict of arrays
        Optimizer state; empty after the last epoch.
    """

    net: Parameters
    generator_state: dict[str, Any]
    memory: OptimizerState = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """State of a training after its last completed epoch.

    Parameters
    ----------
    identity : str
        Hash of hyperparameters, seed and data; a checkpoint of another identity is not used.
    states : tuple of NetState
        State of the net; with folds, of the net of each.
    epochs : tuple of Epoch
        All epochs so far.
    snapshots : WeightSnapshots
        Frames so far. In the same file, so that they stop, go on, travel and go with the net.
    versions : dict
        Versions that the epochs so far were trained with.
    """

    identity: str
    states: tuple[NetState, ...]
    epochs: tuple[Epoch, ...]
    snapshots: WeightSnapshots = field(default_factory=WeightSnapshots)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def net(self) -> Parameters:
        """Parameters of the net; with folds those of the first."""
        return self.states[0].net


def name_by_fold(arrays: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Collect the arrays of all folds in one mapping, with names such as ``fold1.W1``."""
    return {
        _FOLD.format(number) + name: array
        for number, own in enumerate(arrays, 1)
        for name, array in own.items()
    }


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path` atomically.

    The file is an ``.npz`` without pickles, which ``numpy.load`` opens. Its members carry a
    CRC-32, which `load_checkpoint` verifies.

    Raises
    ------
    OSError
        If the disk is full or read-only; the previous checkpoint is untouched.
    """
    epochs = checkpoint.epochs
    losses = [epoch.iteration_losses for epoch in epochs]
    arrays = {
        **_pack_states(checkpoint.states),
        **{_SNAPSHOTS + name: array for name, array in vars(checkpoint.snapshots).items()},
        "format": np.array(_FORMAT),
        "identity": _as_bytes(checkpoint.identity),
        "versions": _as_bytes(json.dumps(checkpoint.versions)),
        "columns": np.array([[getattr(e, name) for name in _COLUMNS] for e in epochs], np.float64),
        "val_others": _as_bytes(json.dumps([dict(epoch.val_others) for epoch in epochs])),
        "diverged": np.array([epoch.diverged for epoch in epochs], np.bool_),
        "n_iterations": np.array([len(one) for one in losses], np.int64),
        "iteration_losses": np.array([loss for one in losses for loss in one], np.float64),
    }
    with replacing(path) as file:
        # The zip directory has no checksum: a flipped bit in it may hide members.
        np.savez(file, allow_pickle=False, **arrays, n_arrays=np.array(len(arrays)))


def load_checkpoint(path: Path) -> Checkpoint:
    """Load a checkpoint that `save_checkpoint` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no checkpoint.
    DamagedDataError
        If the file is truncated, fails its checksums or is not a checkpoint.
    """
    try:
        with np.load(path, allow_pickle=False) as members:
            arrays = {name: members[name] for name in members.files}
        if arrays.pop("n_arrays") != len(arrays):
            raise ValueError("arrays are missing")
        if arrays.get("format") != _FORMAT:
            raise ValueError("written by another version")
        return Checkpoint(
            identity=_as_text(arrays["identity"]),
            states=_unpack_states(arrays),
            epochs=_unpack_epochs(arrays),
            snapshots=WeightSnapshots(**_pick(arrays, _SNAPSHOTS)),
            versions=json.loads(_as_text(arrays["versions"])),
        )
    except FileNotFoundError:
        raise
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        zipfile.BadZipFile,
        RuntimeError,  # zipfile's, if a flipped bit marks a member as encrypted
    ) as e:
        raise DamagedDataError(
            f"{path}: expected a checkpoint, got a damaged file ({type(e).__name__}: {e})"
        ) from e


def _pack_states(states: tuple[NetState, ...]) -> dict[str, NDArray[Any]]:
    """Collect the arrays of all states by name; those of the first have no prefix."""
    packed = [
        {
            **state.net,
            **{_MEMORY + name: array for name, array in state.memory.items()},
            "generator_state": _as_bytes(json.dumps(state.generator_state)),
        }
        for state in states
    ]
    first = _FOLD.format(1)
    return {name.removeprefix(first): array for name, array in name_by_fold(packed).items()}


def _unpack_states(arrays: dict[str, NDArray[Any]]) -> tuple[NetState, ...]:
    states: list[NetState] = []
    own = arrays
    while "generator_state" in own or not states:
        states.append(
            NetState(
                net={name: own[name] for name in _NET},
                generator_state=json.loads(_as_text(own["generator_state"])),
                memory=_pick(own, _MEMORY),
            )
        )
        own = _pick(arrays, _FOLD.format(len(states) + 1))
    return tuple(states)


def _pick(arrays: dict[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _unpack_epochs(arrays: dict[str, NDArray[Any]]) -> tuple[Epoch, ...]:
    ends = np.cumsum(arrays["n_iterations"])
    starts = ends - arrays["n_iterations"]
    val_others = json.loads(_as_text(arrays["val_others"]))
    return tuple(
        Epoch(
            number=index + 1,
            iteration_losses=tuple(
                arrays["iteration_losses"][starts[index] : ends[index]].tolist()
            ),
            diverged=bool(arrays["diverged"][index]),
            val_others=val_others[index],
            **dict(zip(_COLUMNS, row.tolist(), strict=True)),
        )
        for index, row in enumerate(arrays["columns"])
    )


def _as_bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8)


def _as_text(array: NDArray[Any]) -> str:
    return array.tobytes().decode()
