from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.search import (
    SearchStudy,
    create_or_continue_study,
    held_storage,
    list_study_names,
    load_study,
    open_storage,
)
from hpsearch.foundations.errors import RefusedError, UsageError
from tests.conftest import DATA


def test_a_changed_definition_is_refused_with_the_keys(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy]
) -> None:
    open_study(define())
    with pytest.raises(RefusedError, match=r"lag: 3 -> 5; search\.space\.epochs\.high: 6 -> 7"):
        open_study(define(lag=5, space={"epochs": {"low": 3, "high": 7}}))


def test_a_record_older_than_a_key_has_its_default(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy]
) -> None:
    search = open_study(define())
    identity_fields = search.attribute("definition")
    del identity_fields["data"]["stratify"]
    search.note("definition", identity_fields)
    open_study(define())
    changed = define(data=DATA | {"stratify": True})
    with pytest.raises(RefusedError, match=r"data\.stratify: None -> True"):
        open_study(changed)


def test_other_data_is_refused(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy]
) -> None:
    open_study(define())
    with pytest.raises(RefusedError, match="data: data -> other"):
        open_study(define(), data_checksum="other")


def test_more_trials_and_another_description_are_accepted(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy], tmp_path: Path
) -> None:
    open_study(define(trials=4))
    open_study(define(trials=9, description="longer"))
    loaded = load_study("small", open_storage(None, tmp_path / "journal"))
    assert loaded.definition.trials == 9


def test_the_error_for_an_unknown_study_lists_known_ones(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy], tmp_path: Path
) -> None:
    open_study(define())
    with pytest.raises(UsageError, match=r"smal: .*did you mean 'small'"):
        load_study("smal", open_storage(None, tmp_path / "journal"))


@pytest.mark.parametrize("n_trials", [0, 2])
@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_another_programs_study_is_refused_and_left_as_it_is(
    kind: str, n_trials: int, define: Callable[..., StudyDefinition], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}" if kind == "sqlite" else None
    storage = open_storage(url, tmp_path / "journal")
    foreign = optuna.create_study(study_name="small", storage=storage, direction="maximize")
    foreign.set_user_attr("definition", "of something else")
    foreign.optimize(lambda trial: trial.suggest_float("learning_rate", 0, 1), n_trials=n_trials)
    before = foreign.user_attrs, foreign.trials
    with (
        pytest.raises(RefusedError, match=rf"small: .* did not write \({n_trials} trials\)"),
        held_storage(url, tmp_path / "journal", "small", patience_s=1.0) as held,
    ):
        create_or_continue_study(define(), held, data_checksum="data")
    there = optuna.load_study(study_name="small", storage=open_storage(url, tmp_path / "journal"))
    assert (there.user_attrs, there.trials) == before
    assert there.metric_names is None


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_a_study_is_created_atomically(
    kind: str,
    define: Callable[..., StudyDefinition],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise a crash could leave a study that looks like another program's."""
    url = f"sqlite:///{tmp_path / 'a.db'}" if kind == "sqlite" else None
    seen: list[list[str]] = []

    def look(*_: object) -> None:
        seen.append(list_study_names(open_storage(url, tmp_path / "journal")))

    with held_storage(url, tmp_path / "journal", "small", patience_s=1.0) as held:
        with monkeypatch.context() as watched:
            watched.setattr(optuna.Study, "set_metric_names", look)
            create_or_continue_study(define(), held, data_checksum="data")
        look()
    assert seen == [[], ["small"]]


def test_a_journal_truncated_in_its_first_lines_is_completed(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy], tmp_path: Path
) -> None:
    open_study(define())
    whole = (tmp_path / "journal").read_bytes().splitlines(keepends=True)
    for n_lines in range(9):
        (tmp_path / "journal").write_bytes(b"".join(whole[:n_lines]))
        (tmp_path / "journal.checksums").unlink()  # written after all lines
        search = open_study(define())
        assert search.attribute("definition") == define().identity_fields()
        assert search.data_checksum == "data"
        assert search.optuna_study.metric_names == ["val_accuracy"]
