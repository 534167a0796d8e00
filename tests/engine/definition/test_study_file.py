"""Study files: found, read with errors of one line, written."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.engine.definition import (
    find_study_file,
    format_definition,
    list_study_files,
    load_definition,
)
from hpsearch.foundations.errors import UsageError

GOOD = """
trials = 8
[data]
source = "digits"
train = 600
validation = 150
[search]
sampler = "tpe"
pruner = { name = "median" }
[search.space]
learning_rate = { low = 1e-3, high = 0.1, log = true }
reg = 0.0
hidden_size = { low = 4, high = 8 }
epochs = { choices = [3, 5] }
"""


def _load(tmp_path: Path, content: str | bytes) -> Any:
    path = tmp_path / "wide.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_definition(path)


@pytest.mark.parametrize("stem", sorted(list_study_files()))
def test_shipped_studies_load(stem: str) -> None:
    assert load_definition(find_study_file(stem)).name == stem


def test_a_study_takes_the_name_of_its_file(tmp_path: Path) -> None:
    assert _load(tmp_path, GOOD).name == "wide"
    assert _load(tmp_path, 'name = "other"\n' + GOOD).name == "other"


CASES = [
    ("low = 1e-3", "low = -0.1", "search.space.learning_rate: low must be above 0 on a log scale"),
    ("low = 1e-3", "low = 0", "search.space.learning_rate: low must be above 0 on a log scale"),
    ("low = 1e-3", "low = 0.2", "search.space.learning_rate: low must be below high"),
    ("low = 4, ", "low = 4.5, ", "search.space.hidden_size.low: expected an integer"),
    ("low = 4, ", "low = 0, ", "search.space.hidden_size: must be 1 or more, got 0"),
    ("reg = 0.0", "reg = -1.0", "search.space.reg: must be 0 or more, got -1.0"),
    ("reg = 0.0", "reg = inf", "search.space.reg: expected a finite number"),
    ("reg = 0.0", "reg = true", "search.space.reg: expected a number"),
    (
        "reg = 0.0",
        "",
        "reg: is missing; expected a value or a range, reg = { low = ..., high = ... }",
    ),
    ("reg = 0.0", "reg = [0.1, 1e-3]", "a range is reg = { low = 0.001, high = 0.1 }"),
    ("reg = 0.0", "reg = '1 - 5'", "a range is reg = { low = 1, high = 5 }"),
    ("low = 4, high", "min = 4, max", "a range is hidden_size = { low = 4, high = 8 }"),
    ("[3, 5]", "[3, 3]", "search.space.epochs: must name each value once"),
    ("[3, 5]", "[]", "search.space.epochs"),
    ("trials = 8", "trials = 0", "trials: must be 1 or more, got 0"),
    ("trials = 8", "trials = '8'", "trials: expected an integer, got '8'"),
    ("trials = 8", "", "trials: is missing"),
    ("trials = 8", "trails = 8", "has no key 'trails'; did you mean 'trials'?"),
    ("sampler", "sampeler", "search: has no key 'sampeler'; did you mean 'sampler'?"),
    ("learning_rate", "learning_rat", "has no key 'learning_rat'; did you mean 'learning_rate'?"),
    ("high = 0.1", "hi = 0.1", "search.space.learning_rate: has no key 'hi'"),
    ('"tpe"', '"tpee"', "search.sampler: there is no 'tpee'; did you mean 'tpe'?"),
    ('"median"', '"medium"', "search.pruner: there is no 'medium'; did you mean 'median'?"),
    ('"digits"', '"digit"', "data.source: expected 'digits', 'cifar10'"),
    ('"tpe"', '"grid"', "search: the grid sampler needs choices for learning_rate, got a range"),
    ("[search.space]", "first = [{ reg = 1 }]\n[search.space]", "first.0 sets 'reg', which is not"),
    (
        "[search.space]",
        "first = [{ learning_rate = 1 }]\n[search.space]",
        "first.0.learning_rate must be a number from 0.001 to 0.1, got 1.0",
    ),
    (
        "[search.space]",
        "first = [{ epochs = 3 }, { hidden_size = 6.5 }]\n[search.space]",
        "first.1.hidden_size must be an integer from 4 to 8, got 6.5",
    ),
    (
        "[search.space]",
        "first = [{ hidden_size = '6' }]\n[search.space]",
        "first.0.hidden_size must be an integer from 4 to 8, got '6'",
    ),
    (
        "[search.space]",
        "first = [{ epochs = 4 }]\n[search.space]",
        "first.0.epochs must be one of 3, 5, got 4.0",
    ),
    ("[search.space]", "first = [{ epochs = true }]\n[search.space]", "first.0.epochs must be"),
    ("[search.space]", "first = [{ learning_rate = nan }]\n[search.space]", "search.first.0."),
    ("trials = 8", "trials = 8\nname = 'a/b'", "name: string should match pattern"),
    ("trials = 8", "trials = 8\nname = '..'", "name: string should match pattern"),
    ("trials = 8", "trials = 8\nconfirm = { top = 0 }", "confirm.top: must be 1 or more, got 0"),
    ("trials = 8", "trials = 8\nconfirm = { seed = 2 }", "did you mean 'seeds'?"),
    ("trials = 8", "trials = = 8", "expected TOML"),
    (
        "[search]",
        "[trainer]\nbasis = 'pixel'\n[search]",
        "trainer.basis: expected 'pixels', got 'pixel'",
    ),
    (
        "[search]",
        "[trainer]\nbasis = {}\n[search]",
        "trainer.basis: expected components, variance or",
    ),
    (
        "[search]",
        "[trainer]\nbasis = { components = 9, frequencies = 9 }\n[search]",
        "trainer.basis: expected components, variance or frequencies",
    ),
    (
        "[search]",
        "[trainer]\nbasis = { components = 0 }\n[search]",
        "trainer.basis.components: must be 1 or more",
    ),
    (
        "[search]",
        "[trainer]\nbasis = { variance = 1.0 }\n[search]",
        "trainer.basis.variance: must be below 1",
    ),
    ("[search]", "[trainer]\nbasis = { component = 9 }\n[search]", "did you mean 'components'?"),
    (
        "[search]",
        "[trainer]\nbasis = 300\n[search]",
        "trainer.basis: expected a table",
    ),
    ("[search.space]", "[search.space]\noptimizer = 'adamm'", "optimizer: expected 'sgd', "),
    (
        "[search.space]",
        "[search.space]\nschedule = { choices = ['cosine', 'sine'] }",
        "search.space.schedule.1: expected 'exponential' or 'cosine', got 'sine'",
    ),
    ("[search.space]", "[search.space]\ndropout = 1.0", "dropout: must be below 1, got 1.0"),
    ("[search.space]", "[search.space]\nmax_shift = -1", "max_shift: must be 0 or more, got -1"),
    (
        "[search.space]",
        "[search.space]\nwhitening = 0.5",
        "search.space.whitening needs a basis: set trainer.basis",
    ),
    (
        "[search.space]",
        "[search.space]\nmirror = 0.5",
        "search.space: mirror is now horizontal_flip",
    ),
    ("validation = 150", "validation = { folds = 5 }", "data: train is not for validation = { fol"),
    (
        "train = 600\nvalidation = 150",
        "validation = { folds = 1 }",
        "folds: must be 2 or more, got 1",
    ),
    ("train = 600\nvalidation = 150", "validation = { fold = 5 }", "did you mean 'folds'?"),
    ("train = 600\nvalidation = 150", "validation = {}", "data.validation.folds: is missing"),
    ("train = 600\n", "", "data: train is missing"),
    ("validation = 150", "validation = '5'", "data.validation: expected an integer"),
    ("validation = 150", "validation = true", "data.validation: expected an integer"),
]


def test_folds_take_the_place_of_both_sizes(tmp_path: Path) -> None:
    folds = GOOD.replace("train = 600\nvalidation = 150", "validation = { folds = 5 }")
    definition = _load(tmp_path, folds)
    assert (definition.data.n_folds, definition.split_spec().n_folds) == (5, 5)
    assert _load(tmp_path, format_definition(definition)) == definition
    assert _load(tmp_path, GOOD).data.n_folds is None


def test_a_study_of_a_trainer_with_required_settings_is_written_and_read_again(
    tmp_path: Path,
) -> None:
    content = GOOD.replace(
        GOOD[GOOD.index("[search.space]") :],
        '[trainer]\nname = "sklearn"\nestimator = "sklearn.svm:SVC"\n'
        "[search.space]\nC = { low = 0.1, high = 10.0, log = true }\n",
    )
    definition = _load(tmp_path, content)
    assert definition.search.space.fixed() == {"epochs": 1}
    assert _load(tmp_path, format_definition(definition)) == definition


@pytest.mark.parametrize(("old", "new", "complaint"), CASES)
def test_a_mistake_is_reported_in_one_line_with_file_and_key(
    old: str, new: str, complaint: str, tmp_path: Path
) -> None:
    assert old in GOOD
    with pytest.raises(UsageError) as caught:
        _load(tmp_path, GOOD.replace(old, new, 1))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/wide.toml: ")
    assert complaint in message
    assert "\n" not in message


def test_a_grid_has_no_more_trials_than_cells(tmp_path: Path) -> None:
    grid = GOOD.replace('"tpe"', '"grid"').replace("{ low = 4, high = 8 }", "4")
    grid = grid.replace("{ low = 1e-3, high = 0.1, log = true }", "{ choices = [0.1, 0.2] }")
    with pytest.raises(UsageError, match="trials must be at most 4, the cells of the grid, got 8"):
        _load(tmp_path, grid)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="could not read it"):
        _load(tmp_path, b"\xff\xfe\x00")


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(UsageError, match="found no such file"):
        find_study_file("nowhere/a.toml")


def test_a_misspelt_study_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"quikstart: .*did you mean 'quickstart'"):
        find_study_file("quikstart")


keys = st.sampled_from(
    ["trials", "data", "search", "space", "seed", "lag", "name", "sampler", "low", "x"]
)
values = st.recursive(
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.text("ab/. '", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def _write(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + value + '"'
        case list():
            return "[" + ", ".join(_write(one) for one in value) + "]"
        case dict():
            return "{" + ", ".join(f"{key} = {_write(one)}" for key, one in value.items()) + "}"
    return repr(value)


@given(document=st.dictionaries(keys, values, max_size=6))
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_document_gets_more_than_a_line(document: dict[str, Any], tmp_path: Path) -> None:
    text = "\n".join(f"{key} = {_write(value)}" for key, value in document.items())
    with pytest.raises(UsageError) as caught:
        _load(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_table_training_holds_fixed_values_of_the_space(tmp_path: Path) -> None:
    definition = _load(
        tmp_path, GOOD.replace("[search]", "[training]\nbatch_size = 9\n[search]", 1)
    )
    assert definition.search.space.fixed()["batch_size"] == 9


@pytest.mark.parametrize("path", list_study_files().values(), ids=lambda path: path.stem)
def test_a_written_study_file_loads_as_the_same_definition(path: Path, tmp_path: Path) -> None:
    definition = load_definition(path)
    written = tmp_path / "written.toml"
    written.write_text(format_definition(definition))
    assert load_definition(written) == definition
