"""Holding a study: what is found is put in order, and only one process holds it."""

import hashlib
import json
import multiprocessing
import shutil
from collections.abc import Callable
from multiprocessing.synchronize import Event as Signal
from typing import Any

import numpy as np
import pytest

from hpsearch.datasets import load_prepared
from hpsearch.datasets.prepared import seal
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.execution import FileLease
from hpsearch.engine.records import State
from hpsearch.engine.scheduling import RunOptions, open_session, prepare_data
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.errors import DamagedDataError, MissingDataError, RefusedError, UsageError

Define = Callable[..., StudyDefinition]


@pytest.fixture
def options(workspace: Workspace) -> RunOptions:
    return RunOptions(workspace)


def _hold(definition: StudyDefinition, options: RunOptions, held: Signal) -> None:
    """Take a study, start a trial, and wait to be killed."""
    with open_session(definition, options) as session:
        session.search.ask()
        held.set()
        multiprocessing.Event().wait()


def test_the_lease_is_in_force_as_long_as_the_session(define: Define, options: RunOptions) -> None:
    with open_session(define(), options) as session:
        assert session.lease.is_valid()
    assert not session.lease.is_valid()


def test_another_session_is_refused_until_the_first_ends(
    define: Define, options: RunOptions
) -> None:
    with open_session(define(), options) as session:
        who = f"process {session.lease.pid} on {session.lease.host}"
        with pytest.raises(RefusedError, match=who), open_session(define(), options):
            pass
        assert session.lease.is_valid()
    with open_session(define(), options):
        pass


def test_other_studies_of_the_workspace_are_free(define: Define, options: RunOptions) -> None:
    with open_session(define(), options), open_session(define(name="other"), options):
        pass


def test_a_dead_holder_keeps_neither_the_study_nor_its_trials(
    define: Define, options: RunOptions
) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    holder = context.Process(target=_hold, args=(define(), options, held))
    holder.start()
    assert held.wait(60)
    with pytest.raises(RefusedError, match=f"process {holder.pid} on "):
        open_session(define(), options).__enter__()
    orphan = FileLease.read(options.workspace.study("small").lease)
    assert orphan is not None
    holder.kill()
    holder.join()
    with open_session(define(), options) as session:
        assert [record.state for record in session.search.records()] == [State.WAITING]
        assert not orphan.is_valid()


def test_a_changed_definition_is_refused_and_the_old_one_goes_on(
    define: Define, options: RunOptions
) -> None:
    with open_session(define(), options) as session:
        session.search.ask()
    with pytest.raises(RefusedError, match="seed: 0 -> 1"), open_session(define(seed=1), options):
        pass
    with open_session(define(), options) as session:
        assert [record.state for record in session.search.records()] == [State.WAITING]


def test_parallel_work_starts_only_if_data_are_found_and_must_be_prepared(
    define: Define, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    prepare_data(define(), options, lambda: begun.append("new"))
    prepare_data(define(), options, lambda: begun.append("prepared before"))
    assert begun == ["new"]

    def find_nothing(*_: Any, **__: Any) -> None:
        raise MissingDataError("gone")

    monkeypatch.setattr("hpsearch.engine.scheduling.study_data.find_source", find_nothing)
    with (
        pytest.raises(MissingDataError),
        open_session(
            define(data={"source": "digits", "train": 500, "validation": 150, "test": 100}),
            options,
            lambda: begun.append("missing"),
        ),
    ):
        raise AssertionError("it opened")
    assert begun == ["new"]


def test_prepared_data_serves_when_its_source_is_gone(
    define: Define, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare_data(define(), options)

    def find_nothing(*_: Any, **__: Any) -> None:
        raise MissingDataError("gone")

    monkeypatch.setattr("hpsearch.engine.scheduling.study_data.find_source", find_nothing)
    assert prepare_data(define(), options) == prepared
    sizes = {"source": "digits", "train": 600, "validation": 150, "test": 100}
    for other in ({"train": 500}, {"shuffle_seed": 1}):
        with pytest.raises(MissingDataError):
            prepare_data(define(data=sizes | other), options)
    with pytest.raises(MissingDataError):
        prepare_data(define(trainer={"basis": {"frequencies": 9}}), options)


@pytest.mark.parametrize(
    ("technique", "complaint"),
    [
        (
            {"max_shift": 8},
            "search.space.max_shift must be at most 7 for images of",
        ),
        (
            {"n_components": {"low": 10, "high": 30}},
            "search.space.n_components must be at most 20 for the basis, got 30",
        ),
    ],
)
def test_hyperparameters_that_the_data_do_not_allow_are_refused(
    technique: dict[str, Any], complaint: str, define: Define, options: RunOptions
) -> None:
    definition = define(trainer={"basis": {"components": 20}}, space=technique)
    with pytest.raises(UsageError, match=complaint), open_session(definition, options):
        pass


def test_data_prepared_again_with_other_last_bits_are_refused(
    define: Define, options: RunOptions
) -> None:
    """Though the images are the same, and the files those of their manifest."""
    definition = define(trainer={"basis": {"components": 20}})
    with open_session(definition, options) as session:
        folder = session.data.folder
        session.search.finish(session.search.ask(), State.COMPLETE, 0.5)
    as_it_was = folder.rename(folder.with_name("as-it-was"))
    with open_session(definition, options) as session:  # the same machine prepares the same bits
        assert session.data.contents == load_prepared(as_it_was).contents
    path = folder / "derived_components.npy"
    components = np.load(path)
    components[0, 0] = np.nextafter(components[0, 0], np.float32(1))
    np.save(path, components)
    with pytest.raises(DamagedDataError, match=r"derived_components\.npy: has the SHA-256"):
        open_session(definition, options).__enter__()
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["manifest_sha256"]
    manifest["files"]["derived_components.npy"] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest["versions"]["blas"] = "openblas 0.1"
    (folder / "manifest.json").write_text(json.dumps(seal(manifest)))
    reason = r"components\.npy changed \(prepared with BLAS .* -> openblas 0\.1\); put the folder b"
    with pytest.raises(RefusedError, match=reason):
        open_session(definition, options).__enter__()
    shutil.rmtree(folder)
    as_it_was.rename(folder)
    with open_session(definition, options):
        pass
