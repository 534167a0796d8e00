import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.errors import DamagedDataError
from hpsearch.hashing import hash_arrays
from hpsearch.training import (
    Checkpoint,
    Epoch,
    NetState,
    WeightSnapshots,
    load_checkpoint,
    save_checkpoint,
)


def _checkpoint() -> Checkpoint:
    rng = np.random.default_rng(0)
    net = {
        "W1": rng.standard_normal((6, 4)).astype(np.float32),
        "b1": np.zeros(4, np.float32),
        "W2": rng.standard_normal((4, 3)).astype(np.float32),
        "b2": np.zeros(3, np.float32),
    }
    epochs = (
        Epoch(1, 2.3, 0.1, 0.2, 0.01, 1.5, 1e9, (2.4, 2.2)),
        Epoch(2, float("inf"), 0.3, 0.2, 0.009, 1.5, 1e9, (2.0, float("inf")), diverged=True),
    )
    memory = {"velocity.W1": net["W1"] / 2, "adam_steps": np.array(7)}
    tiles = np.arange(2 * 3 * 6, dtype=np.uint8).reshape(2, 3, 6)
    snapshots = WeightSnapshots(np.array([2, 0, 1]), np.array([1, 2]), tiles)
    state = NetState(net, dict(rng.bit_generator.state), memory)
    return Checkpoint("of this", (state,), epochs, snapshots)


def _content(checkpoint: Checkpoint) -> Any:
    return (
        checkpoint.identity,
        hash_arrays(checkpoint.net),
        hash_arrays(checkpoint.states[0].memory),
        hash_arrays(vars(checkpoint.snapshots)),
        checkpoint.states[0].generator_state,
        checkpoint.epochs,
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "checkpoint.npz"
    save_checkpoint(path, _checkpoint())
    return path.read_bytes()


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", _checkpoint())
    assert _content(load_checkpoint(tmp_path / "c")) == _content(_checkpoint())


def test_the_states_of_all_folds_come_back_each_with_its_own(tmp_path: Path) -> None:
    one = _checkpoint()
    rng = np.random.default_rng(1)
    states = tuple(
        NetState(
            {name: array + np.float32(fold) for name, array in one.net.items()},
            dict(rng.spawn(1)[0].bit_generator.state),
            {"velocity.W1": one.net["W1"] * fold} if fold != 1 else {},
        )
        for fold in range(11)
    )
    save_checkpoint(tmp_path / "c", dataclasses.replace(one, states=states))
    loaded = load_checkpoint(tmp_path / "c").states
    assert len(loaded) == len(states)
    for found, state in zip(loaded, states, strict=True):
        assert hash_arrays(found.net) == hash_arrays(state.net)
        assert hash_arrays(found.memory) == hash_arrays(state.memory)
        assert found.generator_state == state.generator_state


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
    except DamagedDataError:
        return
    assert _content(loaded) == _content(_checkpoint())


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
    """Of before formats were counted: what was remembered lay in another order."""
    save_checkpoint(tmp_path / "c", _checkpoint())
    with np.load(tmp_path / "c") as members:
        arrays = {name: members[name] for name in members.files if name != "format"}
    np.savez(tmp_path / "old.npz", **arrays | {"n_arrays": np.array(len(arrays) - 1)})
    with pytest.raises(DamagedDataError, match="another version"):
        load_checkpoint(tmp_path / "old.npz")


@given(fraction=st.floats(0, 1, exclude_max=True))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_truncated_checkpoint_is_refused(fraction: float, saved: bytes, tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(saved[: int(len(saved) * fraction)])
    with pytest.raises(DamagedDataError):
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
