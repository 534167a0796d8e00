"""Checks of the machine: versions, compiled training, BLAS, cores, disk."""

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from threadpoolctl import threadpool_info, threadpool_limits

from hpsearch.api.doctor.report_line import Finding
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.execution import Backend, HelperProcess, open_backend
from hpsearch.engine.training.trial_failures import check_installation
from hpsearch.foundations.errors import MachineError
from hpsearch.foundations.text import shorten_bytes
from hpsearch.foundations.versions import code_version, machine_versions, package_versions
from hpsearch.trainers.finding import TrainerSpec

__all__ = [
    "check_blas",
    "check_cores",
    "check_devices",
    "check_disk",
    "check_training",
    "check_versions",
    "estimate_bytes",
]

# A trial's history, its lines in the record and its metrics in MLflow: measured 0.16 MB for each of
# 30 trials of 20 to 80 epochs on digits; more for trials of more steps.
_BYTES_PER_TRIAL = 400_000
# MLflow's empty database, the study's page, the best net in its folder and as a model, components:
# measured 16 MB for the same study, rounded up.
_BYTES_PER_STUDY = 20_000_000
# Pixels of an image and its number of classes, by source.
_SHAPES = {"digits": (64, 10), "cifar10": (3072, 10), "fashion_mnist": (784, 10)}
# The number of classes of own images is known only after reading them; few studies have more.
_N_OWN_CLASSES = 100
# Likewise the number of inputs of own tables, one-hot categories included.
_N_OWN_INPUTS = 500
# Examples of own data that are divided into folds: cross-validation is for few.
_N_ALL = 10_000
_N_CHECKPOINTS_KEPT = 3


def check_versions() -> Finding:
    """Report the installed versions."""
    versions = {"hpsearch": code_version(), **package_versions()}
    return Finding("versions", ", ".join(f"{name} {value}" for name, value in versions.items()))


def check_training(definition: StudyDefinition) -> Finding:
    """Check that the study's trainer works, in a process like a worker."""
    helper = HelperProcess()
    try:
        helper.run(_try_training, definition.trainer.spec())
    except Exception as error:
        return _describe_failure("training", error)
    finally:
        helper.close()
    return Finding("training", f"{definition.trainer.path} works on this machine")


def check_devices(definition: StudyDefinition, devices: Sequence[str]) -> Iterator[Finding]:
    """Check that the study's trainer works on each device, in a worker that has it."""
    for device in dict.fromkeys(devices):
        try:
            with open_backend("loky", devices=[device]) as backend:
                list(backend.call(1, _try_training, [definition.trainer.spec()]))
        except Exception as error:
            yield _describe_failure(device, error)
        else:
            yield Finding(device, f"{definition.trainer.path} works there")


def _describe_failure(topic: str, error: Exception) -> Finding:
    advice = "reinstall the package (constraints.txt), or check ulimit -v and free memory"
    if isinstance(error, MachineError):
        text, advice = str(error), ""
    elif isinstance(error, BrokenProcessPool):
        text = "the process that was to try the trainer died"
    else:  # a broken installation may raise anything
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return Finding(topic, text, advice, MachineError.exit_code)


def _try_training(trainer: TrainerSpec) -> None:
    check_installation(trainer.load())


def check_blas(definition: StudyDefinition) -> Finding:
    """Check that NumPy's BLAS uses the number of threads that the study asks for."""
    wanted = definition.threads_per_trial
    with threadpool_limits(wanted, user_api="blas"):
        threads = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
    name = machine_versions()["blas"] or "unknown"
    if not threads:
        return Finding(
            "blas",
            "none that threadpoolctl knows",
            "its threads cannot be limited; install NumPy from PyPI or conda-forge",
        )
    if set(threads) != {wanted}:
        return Finding(
            "blas",
            f"{name}, {max(threads)} threads although {wanted} were asked for",
            "results would differ from other machines'; unset OMP_NUM_THREADS and the like",
        )
    return Finding("blas", f"{name}, {wanted} thread{'s' if wanted > 1 else ''} for each trial")


def check_cores(definition: StudyDefinition, backend: Backend, n_jobs: int | None) -> Finding:
    """Check that the trials fit on the cores that affinity and cgroup allow this process."""
    threads, n_cores = definition.threads_per_trial, backend.n_cores
    n_trials = n_jobs or backend.count_slots(threads)
    text = f"{n_cores} usable, {n_trials} trials at a time with {threads} BLAS thread(s) each"
    if n_trials * threads > n_cores:
        return Finding("cores", text, f"fewer would be faster: --jobs {max(1, n_cores // threads)}")
    if n_trials > definition.lag:
        return Finding("cores", text, f"no more than lag = {definition.lag} trials run at a time")
    load = os.getloadavg()[0]
    if backend.name != "dask" and load > max(1.0, 0.5 * n_cores):
        return Finding("cores", text, f"the load is {load:.1f} already, so trials will wait")
    return Finding("cores", text)


def check_disk(definition: StudyDefinition, workspace: Path, *, n_at_a_time: int) -> Finding:
    """Check that the study fits on the workspace's disk."""
    needed = estimate_bytes(definition, n_at_a_time=n_at_a_time)
    there = next(path for path in (workspace, *workspace.parents) if path.exists())
    free = shutil.disk_usage(there).free
    text = f"about {shorten_bytes(needed)} needed, {shorten_bytes(free)} free at {there}"
    if needed > free:
        return Finding("disk", text, "make room, or give another disk with --workspace", 4)
    return Finding("disk", text)


def estimate_bytes(definition: StudyDefinition, *, n_at_a_time: int) -> int:
    """Estimate the study's bytes in the workspace: data, checkpoints, figures, MLflow."""
    data, space = definition.data, definition.search.space
    if data.image_size:
        n_pixels, n_classes = 3 * math.prod(data.image_size), _N_OWN_CLASSES
    elif data.is_tabular:
        n_pixels, n_classes = _N_OWN_INPUTS, _N_OWN_CLASSES
    else:
        n_pixels, n_classes = _SHAPES[data.source]
    split_spec = definition.split_spec()
    # A byte for a pixel; tables hold float64, and float32 of what is derived from them.
    bytes_per_example = n_pixels * (12 if data.is_tabular else 1) + 8
    # As all folds together: each example is in the training split of all folds but one, and once
    # more in the data as a whole.
    n_train = split_spec.n_train or (data.n_folds or 0) * _N_ALL
    # No source has more than 10,000 test images.
    n_others = (split_spec.n_validation or _N_ALL) + (data.test or 10_000)
    state = definition.trainer.load().estimate_bytes(space.named_values(), n_pixels, n_classes)
    n_states = (n_at_a_time + _N_CHECKPOINTS_KEPT) * (data.n_folds or 1)
    return (
        (n_train + n_others) * bytes_per_example
        + n_states * state
        + definition.trials * _BYTES_PER_TRIAL
        + _BYTES_PER_STUDY
    )
