"""Each worker process takes one device of the run; after its death the next process takes it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from hpsearch.engine.execution import Backend, check_devices, open_backend
from hpsearch.engine.execution.devices import DeviceSlots
from hpsearch.foundations.errors import UsageError


class Seen(NamedTuple):
    """What a worker sees of devices."""

    process: int
    device: str | None
    gpus: str | None


def look(meeting: Path, n_expected: int) -> Seen:
    """Look at the environment; first wait for the other processes, so that each looks once."""
    meeting.mkdir(exist_ok=True)
    (meeting / str(os.getpid())).touch()
    give_up_at = time.monotonic() + 60
    while len(list(meeting.iterdir())) < n_expected and time.monotonic() < give_up_at:
        time.sleep(0.01)
    return Seen(
        os.getpid(), os.environ.get("HPSEARCH_DEVICE"), os.environ.get("CUDA_VISIBLE_DEVICES")
    )


def look_in_all(backend: Backend, n_workers: int, meeting: Path) -> list[Seen]:
    return sorted(backend.call(n_workers, partial(look, meeting), [n_workers] * n_workers))


@pytest.fixture(autouse=True)
def _all_gpus_are_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("HPSEARCH_DEVICE", raising=False)


def note_modules(file: Path) -> None:
    file.write_text(" ".join([os.environ["CUDA_VISIBLE_DEVICES"], *sys.modules]))


def test_each_worker_sees_one_gpu_which_is_its_first(tmp_path: Path) -> None:
    with open_backend("loky", devices=("cuda:0", "cuda:1")) as backend:
        seen = look_in_all(backend, 2, tmp_path / "meeting")
    assert {one.gpus for one in seen} == {"0", "1"}
    assert {one.device for one in seen} == {"cuda:0"}
    assert len({one.process for one in seen} - {os.getpid()}) == 2


def test_a_gpu_is_chosen_before_anything_is_warmed_up_or_torch_imported(tmp_path: Path) -> None:
    """PyTorch reads the environment once."""
    warm_up = partial(note_modules, tmp_path / "modules")
    with open_backend("loky", warm_up, ("cuda:3",)) as backend:
        look_in_all(backend, 1, tmp_path / "meeting")
    gpus, *modules = (tmp_path / "modules").read_text().split()
    assert gpus == "3"
    assert "torch" not in modules


def count_workers() -> int:
    children = psutil.Process().children()
    return sum("popen_loky" in " ".join(one.cmdline()) for one in children)


@pytest.mark.parametrize("devices", [("cuda:1",), ()])
def test_one_worker_is_one_process(devices: tuple[str, ...], tmp_path: Path) -> None:
    """A second one would wait for the device in vain, and end the first when it gives up."""
    with open_backend("loky", devices=devices) as backend:
        (only,) = {*backend.call(1, partial(look, tmp_path / "meeting"), [1] * 4)}
        assert count_workers() == 1
    assert only.process != os.getpid()
    assert only.gpus == ("1" if devices else None)


def test_other_devices_are_named_and_hide_all_gpus(tmp_path: Path) -> None:
    with open_backend("loky", devices=("cpu", "mps")) as backend:
        seen = look_in_all(backend, 2, tmp_path / "meeting")
    assert {(one.device, one.gpus) for one in seen} == {("cpu", ""), ("mps", "")}


def test_a_device_given_twice_has_two_workers(tmp_path: Path) -> None:
    with open_backend("loky", devices=("cuda:0", "cuda:0")) as backend:
        assert backend.count_slots(threads=1) == 2
        seen = look_in_all(backend, 2, tmp_path / "meeting")
    assert [one.gpus for one in seen] == ["0", "0"]
    assert seen[0].process != seen[1].process


def test_without_devices_the_environment_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    monkeypatch.setenv("HPSEARCH_DEVICE", "cuda:1")
    with open_backend("loky") as backend:
        seen = look_in_all(backend, 2, tmp_path / "meeting")
    assert {(one.device, one.gpus) for one in seen} == {("cuda:1", "4,5")}


def test_workers_that_replace_killed_ones_take_their_devices(tmp_path: Path) -> None:
    with open_backend("loky", devices=("cuda:0", "cuda:1")) as backend:
        before = look_in_all(backend, 2, tmp_path / "before")
        os.kill(before[0].process, signal.SIGKILL)
        for attempt in range(100):  # joblib notices the death at a call
            try:  # a call that fails may have met a process that ends with it
                after = look_in_all(backend, 2, tmp_path / f"after-{attempt}")
                break
            except Exception:
                time.sleep(0.05)
    assert {one.gpus for one in after} == {"0", "1"}
    assert not {one.process for one in before} & {one.process for one in after}


HOLDER = """
import os, sys, time
from pathlib import Path
from hpsearch.engine.execution.devices import DeviceSlots
DeviceSlots.make(Path(sys.argv[1]), ["cuda:0", "cuda:1"], None).take(float(sys.argv[2]))
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
time.sleep(600)
"""


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a process that takes a device and holds it."""
    processes = []

    def start(patience_s: float = 60.0) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path), str(patience_s)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def read_device(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_a_process_that_waits_takes_the_device_of_one_that_is_killed(
    hold: Callable[..., subprocess.Popen[str]],
) -> None:
    first = hold()
    assert read_device(first) == "0"
    second = hold()
    assert read_device(second) == "1"
    waiting = hold()
    second.kill()
    assert read_device(waiting) == "1"
    first.kill()
    assert read_device(hold()) == "0"


def test_a_process_for_which_no_device_becomes_free_exits_with_a_line(
    hold: Callable[..., subprocess.Popen[str]],
) -> None:
    assert {read_device(hold()), read_device(hold())} == {"0", "1"}
    superfluous = hold(patience_s=0.2)
    _, error = superfluous.communicate(timeout=60)
    assert superfluous.returncode == 1
    assert error == "hpsearch: no device was free for a worker in 0.2 s\n"


def test_a_process_that_starts_after_the_run_exits_without_a_word(
    hold: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    tmp_path.rmdir()
    late = hold()
    assert late.communicate(timeout=60) == ("", "")
    assert late.returncode == 1
    assert not tmp_path.exists()


@pytest.mark.parametrize(
    ("visible", "device", "gpus"),
    [(None, "cuda:3", "3"), ("4,5", "cuda:0", "4"), ("4, GPU-8932f937", "cuda:1", "GPU-8932f937")],
)
def test_a_gpus_number_counts_those_that_are_visible(
    visible: str | None, device: str, gpus: str, tmp_path: Path
) -> None:
    """As for PyTorch. A scheduler of a cluster may have given this program some of the GPUs."""
    (variables,) = DeviceSlots.make(tmp_path, [device], visible).variables
    assert variables == {"HPSEARCH_DEVICE": "cuda:0", "CUDA_VISIBLE_DEVICES": gpus}


@pytest.mark.parametrize(("visible", "n_gpus"), [("4,5", 2), ("", 0)])
def test_a_gpu_that_is_not_visible_is_refused(
    visible: str, n_gpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    expected = (
        f"^--devices cuda:2: expected one of the GPUs that CUDA_VISIBLE_DEVICES={visible} leaves "
        f"visible, numbered from 0; there are {n_gpus}$"
    )
    with pytest.raises(UsageError, match=expected), open_backend("loky", devices=["cuda:2"]):
        raise AssertionError("it opened")


@pytest.mark.parametrize(
    "name", ["", "gpu:0", "cuda", "cuda:", "cuda:-1", "cuda:x", "CPU", "cpu:0"]
)
def test_other_names_of_devices_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=rf"^--devices cpu,{name}: expected .*, got '{name}'$"):
        check_devices(["cpu", name], backend="loky", n_jobs=None)


@pytest.mark.parametrize(
    ("backend", "advice"),
    [
        ("dask", r"got dask; start each Dask worker with its own CUDA_VISIBLE_DEVICES"),
        ("threading", r"whose workers are processes, got threading$"),
        ("multiprocessing", r"got multiprocessing$"),
    ],
)
def test_backends_whose_workers_cannot_be_given_devices_are_refused(
    backend: str, advice: str
) -> None:
    with pytest.raises(UsageError, match=rf"^--devices cpu: expected --backend loky.*{advice}"):
        check_devices(["cpu"], backend=backend, n_jobs=None)


def test_more_workers_than_devices_are_refused_and_fewer_are_not() -> None:
    with pytest.raises(
        UsageError, match=r"^--jobs 3: expected at most 2, as of --devices cpu,cpu$"
    ):
        check_devices(["cpu", "cpu"], backend="loky", n_jobs=3)
    check_devices(["cpu", "cpu"], backend="loky", n_jobs=1)
    check_devices([], backend="threading", n_jobs=3)
