"""Checkpoints: saving and loading the state of a training after an epoch."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.engine.trial_files.history import Epoch, HistoryWriter, decode_epochs
from hpsearch.foundations.errors import DamagedDataError
from hpsearch.foundations.files import replacing
from hpsearch.trainers.state import flatten_state, unflatten_state

__all__ = ["CHECKPOINT_FILE", "Checkpoint", "FitState", "load_checkpoint", "save_checkpoint"]

CHECKPOINT_FILE = "checkpoint.npz"

# 6: the state of any trainer.
_FORMAT = 6


@dataclass(frozen=True)
class FitState:
    """State of one model in training: all that its next epoch depends on.

    Parameters
    ----------
    trainer : mapping
        The trainer's `state_dict`.
    generator : dict
        ``rng.bit_generator.state``.
    """

    trainer: Mapping[str, Any]
    generator: Mapping[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """State of a training after its last completed epoch.

    Parameters
    ----------
    identity : str
        Hash of hyperparameters, seed and data; a checkpoint of another identity is not used.
    states : tuple of FitState
        State of the model; with folds, of the model of each.
    epochs : tuple of Epoch
        All epochs so far.
    versions : dict
        Versions that the epochs so far were trained with.
    """

    identity: str
    states: tuple[FitState, ...]
    epochs: tuple[Epoch, ...]
    versions: dict[str, str] = field(default_factory=dict)


def save_checkpoint(
    path: Path, checkpoint: Checkpoint, history: HistoryWriter | None = None
) -> None:
    """Write `checkpoint` to `path` atomically.

    The file is an ``.npz`` without pickles, which ``numpy.load`` opens. Its members carry a
    CRC-32, which `load_checkpoint` verifies.

    Parameters
    ----------
    path : Path
        The file.
    checkpoint : Checkpoint
        What to write.
    history : HistoryWriter, optional
        One that has encoded earlier epochs of the same training already.

    Raises
    ------
    OSError
        If the disk is full or read-only; the previous checkpoint is untouched.
    TypeError
        If the trainer's state holds something else than arrays and plain values.
    """
    arrays: dict[str, NDArray[Any]] = {}
    structures = []
    for number, state in enumerate(checkpoint.states, 1):
        own, structure = flatten_state(state.trainer)
        arrays |= {f"{number}.{name}": array for name, array in own.items()}
        structures.append(structure)
    described = {
        "format": _FORMAT,
        "identity": checkpoint.identity,
        "versions": checkpoint.versions,
        "structures": structures,
        "generators": [dict(state.generator) for state in checkpoint.states],
        # The zip directory has no checksum: a flipped bit in it may hide members.
        "arrays": sorted(arrays),
    }
    arrays["epochs"] = _as_bytes((history or HistoryWriter(path)).encode(checkpoint.epochs))
    arrays["checkpoint"] = _as_bytes(json.dumps(described).encode())
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


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
        described = json.loads(arrays.pop("checkpoint").tobytes())
        epochs = decode_epochs(arrays.pop("epochs").tobytes())
        if described["format"] != _FORMAT:
            raise ValueError("written by another version")
        if described["arrays"] != sorted(arrays):
            raise ValueError("arrays are missing")
        return Checkpoint(
            described["identity"], _read_states(arrays, described), epochs, described["versions"]
        )
    except FileNotFoundError:
        raise
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        zipfile.BadZipFile,
        RuntimeError,  # zipfile's, if a flipped bit marks a member as encrypted
    ) as e:
        raise DamagedDataError(
            f"{path}: expected a checkpoint, got a damaged file ({type(e).__name__}: {e})"
        ) from e


def _read_states(
    arrays: Mapping[str, NDArray[Any]], described: Mapping[str, Any]
) -> tuple[FitState, ...]:
    both = zip(described["structures"], described["generators"], strict=True)
    states = []
    for number, (structure, generator) in enumerate(both, 1):
        prefix = f"{number}."
        own = {
            name.removeprefix(prefix): array
            for name, array in arrays.items()
            if name.startswith(prefix)
        }
        states.append(FitState(unflatten_state(own, structure), generator))
    return tuple(states)


def _as_bytes(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(content, np.uint8)
