import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.engine.trial_files import (
    Checkpoint,
    Epoch,
    FitState,
    load_checkpoint,
    save_checkpoint,
)
from hpsearch.foundations.errors import DamagedDataError

LOSSES = {"iteration_loss": (2.4, 2.2)}
EPOCHS = (
    Epoch(1, 0.2, 1.5, 1e9, {"train_loss": 2.3, "learning_rate": 1 / 3}, LOSSES),
    Epoch(
        2,
        0.2,
        1.5,
        1e9,
        {"train_loss": float("inf"), "learning_rate": 0.009},
        {"iteration_loss": (2.0, float("inf")), "gradient_norm": (0.1, float("nan"), 0.3)},
        diverged=True,
        val_others={"mean_absolute_error": 0.1 + 0.2},
    ),
)


def _state(seed: int = 0) -> FitState:
    """A state with all that a trainer's may hold."""
    rng = np.random.default_rng(seed)
    trainer = {
        "net": {"W1": np.asfortranarray(rng.standard_normal((6, 4)).astype(np.float32))},
        "memory": {"velocity.W1": rng.standard_normal((6, 4)), "adam_steps": np.array(7)},
        "trees": [{0: rng.integers(0, 9, 3), 1: {"left": -1, "right": None}}, {}],
        "names": ["cat", "dögs"],
        "empty": np.zeros((0, 3), np.uint8),
        "rate": np.float32(0.1),
        "best": np.int64(3),
        "loss": float("nan"),
        "limits": (float("-inf"), 1 / 3, (True, "two\nlines", 10**30)),
        3: "an integer as key",
        "3": "a string as key",
    }
    return FitState(trainer, dict(rng.bit_generator.state))


def _checkpoint() -> Checkpoint:
    return Checkpoint("of this", (_state(),), EPOCHS, {"numpy": "2.1"})


def _describe(value: Any) -> Any:
    """Make values comparable with all their types, nan too."""
    if isinstance(value, np.ndarray | np.generic):
        return (type(value).__name__, value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, dict):
        return [(key, _describe(inner)) for key, inner in value.items()]
    if isinstance(value, list | tuple):
        return (type(value).__name__, [_describe(inner) for inner in value])
    if dataclasses.is_dataclass(value):
        return (type(value).__name__, _describe(vars(value)))
    return (type(value).__name__, repr(value))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "checkpoint.npz"
    save_checkpoint(path, _checkpoint())
    return path.read_bytes()


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", _checkpoint())
    assert _describe(load_checkpoint(tmp_path / "c")) == _describe(_checkpoint())


def test_the_states_of_all_folds_come_back_each_with_its_own(tmp_path: Path) -> None:
    """Of the eleventh too, whose arrays' names begin as those of the first."""
    states = tuple(_state(fold) for fold in range(11))
    less = FitState({}, states[1].generator)
    states = (states[0], less, *states[2:])
    save_checkpoint(tmp_path / "c", dataclasses.replace(_checkpoint(), states=states))
    loaded = load_checkpoint(tmp_path / "c").states
    assert _describe(loaded) == _describe(states)


def test_a_generator_restored_from_a_checkpoint_continues(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rng.integers(0, 9, 5)  # leaves half of a 64-bit number for later
    state = FitState({}, rng.bit_generator.state)
    save_checkpoint(tmp_path / "c", Checkpoint("of this", (state,), ()))
    expected = rng.integers(0, 9, 5)
    restored = np.random.default_rng()
    restored.bit_generator.state = dict(load_checkpoint(tmp_path / "c").states[0].generator)
    assert np.array_equal(restored.integers(0, 9, 5), expected)


def test_a_checkpoint_without_a_model_has_its_epochs(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", Checkpoint("of this", (), EPOCHS))
    assert _describe(load_checkpoint(tmp_path / "c").epochs) == _describe(EPOCHS)


def test_a_checkpoint_can_be_read_by_numpy_without_pickle(saved: bytes, tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(saved)
    with np.load(tmp_path / "c", allow_pickle=False) as members:
        assert np.array_equal(members["1.net.W1"], _state().trainer["net"]["W1"])


def test_what_cannot_be_saved_leaves_the_previous_checkpoint(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", _checkpoint())
    before = (tmp_path / "c").read_bytes()
    wrong = FitState({"net": {"layers": [object()]}}, {})
    with pytest.raises(TypeError, match=r"^net.layers.0: expected an array, [^\n]+ got object$"):
        save_checkpoint(tmp_path / "c", Checkpoint("of this", (wrong,), ()))
    assert (tmp_path / "c").read_bytes() == before


@given(data=st.data())
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_flipped_bit_is_found_or_does_no_harm(
    data: st.DataObject, saved: bytes, tmp_path: Path
) -> None:
    index = data.draw(st.integers(0, len(saved) - 1))
    bit = data.draw(st.integers(0, 7))
    damaged = bytearray(saved)
    damaged[index] ^= 1 << bit
    (tmp_path / "c").write_bytes(damaged)
    try:
        loaded = load_checkpoint(tmp_path / "c")
    except DamagedDataError as error:
        message = str(error)
    else:
        message = str(tmp_path / "c")
        assert _describe(loaded) == _describe(_checkpoint())
    assert str(tmp_path / "c") in message
    assert "\n" not in message


def test_an_array_that_is_said_to_be_encrypted_is_damage(saved: bytes, tmp_path: Path) -> None:
    flags = saved.index(b"PK\x01\x02") + 8
    (tmp_path / "c").write_bytes(saved[:flags] + b"\x01" + saved[flags + 1 :])
    with pytest.raises(DamagedDataError, match="encrypted"):
        load_checkpoint(tmp_path / "c")


def test_a_checkpoint_of_which_memory_is_missing_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", _checkpoint())
    with np.load(tmp_path / "c") as members:
        arrays = {name: members[name] for name in members.files if "velocity" not in name}
    np.savez(tmp_path / "less.npz", **arrays)
    with pytest.raises(DamagedDataError, match="missing"):
        load_checkpoint(tmp_path / "less.npz")


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path) -> None:
    """Of when there was one net alone: its arrays had names of their own."""
    arrays = {"net.W1": np.zeros((6, 4)), "format": np.array(5), "n_arrays": np.array(3)}
    np.savez(tmp_path / "old.npz", **arrays)
    with pytest.raises(DamagedDataError, match="expected a checkpoint"):
        load_checkpoint(tmp_path / "old.npz")


@pytest.mark.parametrize("other", [5, 7, None])
def test_a_checkpoint_of_another_format_is_refused(
    other: int | None, saved: bytes, tmp_path: Path
) -> None:
    (tmp_path / "c").write_bytes(saved)
    with np.load(tmp_path / "c") as members:
        arrays = {name: members[name] for name in members.files}
    text = arrays["checkpoint"].tobytes().decode()
    assert '"format": 6' in text
    changed = text.replace('"format": 6', f'"format": {"null" if other is None else other}')
    arrays["checkpoint"] = np.frombuffer(changed.encode(), np.uint8)
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(DamagedDataError, match="another version"):
        load_checkpoint(tmp_path / "other.npz")


@given(fraction=st.floats(0, 1, exclude_max=True))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_truncated_checkpoint_is_refused(fraction: float, saved: bytes, tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(saved[: int(len(saved) * fraction)])
    with pytest.raises(DamagedDataError) as caught:
        load_checkpoint(tmp_path / "c")
    assert "\n" not in str(caught.value)


def test_no_checkpoint_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "c")


def test_a_full_disk_leaves_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path / "c", _checkpoint())
    before = (tmp_path / "c").read_bytes()

    def refuse(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(tmp_path / "c", _checkpoint())
    assert (tmp_path / "c").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
