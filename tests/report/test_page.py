"""The page of a study, by what a browser would find in it."""

import base64
import json
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from hpsearch.cli import main
from hpsearch.datasets import TEST_FILE
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State
from hpsearch.engine.scheduling import find_prepared
from hpsearch.engine.search import (
    SearchStudy,
    create_or_continue_study,
    load_study,
    open_storage,
    suggest_hyperparameters,
)
from hpsearch.engine.workspace import StudyFolder, Workspace
from hpsearch.foundations.errors import StoreError
from hpsearch.foundations.png import encode_png
from hpsearch.report.page import write_report
from hpsearch.trainers.finding import hash_source
from tests.cli.conftest import complete_workspace, small_study
from tests.engine.selection import drawing_trainer

__all__ = ["complete_workspace", "small_study"]

OWN_STUDY = """
trials = 2
lag = 1
[trainer]
class = "drawing_trainer:{trainer}"
[data]
source = "digits"
train = 100
validation = 50
test = 10
[search.space]
epochs = 1
rate = {{ low = 0.1, high = 1.0 }}
"""
HOSTILE = "<script>alert(1)</script> & more"


class Page(HTMLParser):
    """Text outside scripts, the figures, and every address that a browser would open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.figures: list[Any] = []
        self.raw: list[str] = []
        self.styles: list[str] = []
        self.anchors: list[str] = []
        self.rows: list[list[float | None]] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside = "json" if dict(attrs).get("type") == "application/json" else tag
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "data")]
        self.styles += [v or "" for k, v in attrs if k == "style"]
        named = dict(attrs)
        if tag == "section":
            self.anchors.append(named.get("id") or "")
        elif tag == "tr":
            self.rows.append([])
        elif tag == "td":
            value = named.get("data-value")
            self.rows[-1].append(float(value) if value else None)

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "json":
            self.raw.append(data)
            self.figures.append(json.loads(data))
        elif self._inside == "style":
            self.styles.append(data)
        elif self._inside != "script":
            self.words.append(data)

    @property
    def links(self) -> list[str]:
        return [address for address in self.addresses if address.startswith("#")][
            : len(self.anchors)
        ]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    folder = StudyFolder(tmp_path / "studies" / "small")
    folder.create()
    return folder


@pytest.fixture
def record(
    define: Callable[..., StudyDefinition], folder: StudyFolder
) -> Callable[..., SearchStudy]:
    """A study whose trials ended as told, with an accuracy each epoch."""

    def make(*states: State, **changes: Any) -> SearchStudy:
        changes = {"lag": 1000, "sampler": "random"} | changes
        definition = define(trials=max(1, len(states)), **changes)
        storage = open_storage(None, folder.journal)
        search = create_or_continue_study(definition, storage, data_checksum="data")
        for number, state in enumerate(states):
            trial = search.ask()
            setting = {"learning_rate": 0.003, "reg": 1e-4, "hidden_size": 9}
            setting |= {"learning_rate_decay": 0.95, "epochs": 30, "batch_size": 50}
            setting |= {"initial_std": 0.01}
            setting |= suggest_hyperparameters(trial, definition.search.space)
            trial.set_user_attr("hyperparameters", setting)
            trial.set_user_attr("duration_s", 1.0)
            if state == State.FAILED:
                trial.set_user_attr("reason", "ValueError: </script> 1 < 2")
            else:
                for epoch in range(1, 31):
                    trial.report(number / 2000 + epoch / 100, epoch)
            value = number / 2000 + 0.3 if state == State.COMPLETE else None
            search.finish(trial, state, value)
        return search

    return make


@pytest.fixture
def read(folder: StudyFolder, tmp_path: Path) -> Callable[[SearchStudy], Page]:
    def write_and_read(search: SearchStudy) -> Page:
        return Page(write_report(search, folder, None, tmp_path / "page.html").read_text())

    return write_and_read


@pytest.fixture(scope="module")
def finished(complete_workspace: Path) -> Iterator[Page]:
    """The page of a study that has really run; its test split is not to be opened."""
    workspace = Workspace(complete_workspace)
    folder = workspace.study("small")
    search = load_study("small", open_storage(None, folder.journal))
    data = find_prepared(search.definition, workspace.data)
    assert data
    test_split = data.folder / TEST_FILE
    content = test_split.read_bytes()
    test_split.unlink()
    try:
        yield Page(write_report(search, folder, data, folder.report).read_text())
    finally:
        test_split.write_bytes(content)


def test_another_process_writes_the_same_page(complete_workspace: Path, tmp_path: Path) -> None:
    """It gets the study pickled, with what was noted of it: the verdict, the runs, the data."""
    workspace = Workspace(complete_workspace)
    folder = workspace.study("small")
    search = load_study("small", open_storage(None, folder.journal))
    data = find_prepared(search.definition, workspace.data)
    there = pickle.loads(pickle.dumps(search))
    pages = [
        write_report(one, folder, data, tmp_path / f"{n}.html").read_text()
        for n, one in enumerate((search, there))
    ]
    assert pages[0] == pages[1]


def test_an_ablation_has_its_figure_in_place_of_the_importances(
    record: Callable[..., SearchStudy], read: Callable[[SearchStudy], Page]
) -> None:
    choices = {"choices": [0.1, 0.0]}
    fixed = {"learning_rate": 0.01, "reg": 0.0, "hidden_size": 8, "epochs": 30}
    space = fixed | {"dropout": choices, "label_smoothing": choices}
    page = read(record(*[State.COMPLETE] * 6, sampler="ablation", space=space))
    names = [set(t.get("y", ())) for figure in page.figures for t in figure.get("data", ())]
    assert {"no dropout", "no label_smoothing"} in names
    assert "No change lowers the score." in page.text  # later trials are better there
    assert "Parallel coordinates" not in page.text
    assert "Importances" not in page.text


def test_the_verdict_comes_first(finished: Page) -> None:
    text = finished.text
    assert text.index("Which learning_rate, hidden_size and epochs") < text.index("Trial ")
    assert "after correction for selection bias among" in text
    assert "Test split: test_accuracy" in text
    assert "1st evaluation of these 100 images in this workspace: small." in text


def test_the_page_shows_the_net_its_mistakes_the_cost_and_how_to_reproduce_it(
    finished: Page,
) -> None:
    for words in (
        *("The best was found after", "Parallel coordinates", "Recommendation"),
        *("val_accuracy of each trial over each hyperparameter", "busy", "Best model"),
        *("Confusion matrix", "The most frequent error", "complete trials are too few"),
        *("Best weights", "First-layer weights, an image for each hidden unit"),
        *("Class weights", "contribute most for each class", "Filmstrip", "after epochs 0, 1"),
        *("Mistakes", "Diagnosis Of trial", "Cost", "overhead"),
        *("Reproduction", 'source = "digits"', "fingerprint", "data checksum"),
    ):
        assert words in finished.text
    # Progress, curves, parallel, 3 slices, timeline, confusion; and the trials' texts.
    assert len(finished.figures) == 9


def test_the_contents_link_to_every_section(finished: Page) -> None:
    assert finished.links == [f"#{anchor}" for anchor in finished.anchors]
    assert len(finished.links) > 10


def test_every_trial_is_in_the_table_with_numbers_to_sort_by(finished: Page) -> None:
    rows = [cells for cells in finished.rows if len(cells) == 9]
    assert sorted(cells[0] for cells in rows) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert all(value is not None for cells in rows for value in cells[2:8])


@pytest.mark.parametrize(
    ("n_trials", "validation", "told"),
    [
        (19, 150, "19 complete trials are too few"),
        (25, 18, "with 18 validation examples, of at least 100 needed"),
        (25, 150, "90 % CI"),
    ],
)
def test_importances_are_claimed_only_from_enough_trials_and_examples(
    n_trials: int, validation: int, told: str, record: Callable[..., SearchStudy], read: Any
) -> None:
    data = {"source": "digits", "train": 600, "validation": validation, "test": 100}
    page = read(record(*[State.COMPLETE] * n_trials, data=data))
    assert told in page.text
    assert ("Contour" in page.text) is (told == "90 % CI")


def _write_page_of(trainer: str, folder: Path) -> Page:
    """Run a small study of a class of ``drawing_trainer.py``, and write its page."""
    shutil.copy(Path(drawing_trainer.__file__), folder)
    (folder / "own.toml").write_text(OWN_STUDY.format(trainer=trainer))
    arguments = ["--backend", "threading", "--quiet", "--workspace", str(folder / "workspace")]
    assert main(["run", str(folder / "own.toml"), *arguments]) == 0
    sys.modules.pop("drawing_trainer", None)
    return Page((Workspace(folder / "workspace").study("own").report).read_text())


def test_the_page_shows_what_any_trainer_draws(tmp_path: Path) -> None:
    page = _write_page_of("Drawing", tmp_path)
    assert "Best model Title Its class. Image An image." in page.text
    assert "growth" not in page.text  # images by epoch are MLflow's
    image = "data:image/png;base64," + base64.b64encode(encode_png(drawing_trainer.IMAGE)).decode()
    assert image in page.addresses
    assert "The most frequent error" in page.text
    assert "own.toml , beside the trainer's module drawing_trainer ;" in page.text
    source = hash_source(tmp_path / "drawing_trainer.py", "drawing_trainer")
    assert f"trainer's source {source}" in page.text


def test_the_page_of_a_trainer_that_draws_nothing_has_no_pictures_of_a_model(
    tmp_path: Path,
) -> None:
    page = _write_page_of("Plain", tmp_path)
    assert "Best model" not in page.text
    assert "It cannot be shown" not in page.text
    assert "The most frequent error" in page.text


def test_nothing_is_fetched(finished: Page) -> None:
    assert finished.addresses
    assert all(
        address.startswith(("data:image/png;base64,", "#")) for address in finished.addresses
    )
    assert not {"link", "iframe", "object", "embed", "base"} & {*finished.tags}
    assert finished.styles
    assert not [one for one in finished.styles if "url(" in one or "@import" in one]


def test_every_point_can_show_its_trial(finished: Page) -> None:
    texts, *figures = sorted(finished.figures, key=lambda one: "data" in one)
    traces = [trace for figure in figures for trace in figure["data"]]
    assert {int(number) for number in texts} == set(range(6))
    assert {trace["meta"] for trace in traces if "meta" in trace} == set(range(6))
    pointed = [figure["data"] for figure in figures if "customdata" in figure["data"][0]]
    points = [
        [n for trace in data for n in trace["customdata"]]
        for data in pointed
        if data[0]["type"] != "heatmap"
    ]
    # The slices show each complete or pruned trial once, the timeline all of them.
    assert len(points) == 4
    assert all(sorted(numbers) == list(range(6)) for numbers in points)
    assert all("learning_rate" in text for text in texts.values())


@pytest.mark.parametrize(
    "states",
    [(), (State.FAILED,), (State.FAILED,) * 3, (State.PRUNED,) * 2, (State.COMPLETE,)],
    ids=["none", "one failed", "all failed", "all pruned", "one"],
)
def test_a_page_can_be_made_of_an_incomplete_study(
    states: tuple[State, ...], record: Callable[..., SearchStudy], read: Callable[..., Page]
) -> None:
    page = read(record(*states))
    has_best = State.COMPLETE in states
    assert ("no best model" in page.text) is not has_best
    assert ("</script> 1 < 2" in page.text) is (State.FAILED in states)
    assert "It cannot be shown: " in page.text


def test_what_users_write_is_escaped(
    record: Callable[..., SearchStudy], read: Callable[..., Page]
) -> None:
    page = read(record(State.COMPLETE, State.FAILED, description=HOSTILE))
    assert HOSTILE in page.text
    assert not any("<" in one for one in page.raw)
    # The library, the figures' data and the one program of the page: no other script.
    assert page.tags.count("script") == 2 + len(page.figures)


def test_choices_and_constants_have_their_figures(
    record: Callable[..., SearchStudy], read: Callable[..., Page]
) -> None:
    space = {
        "learning_rate": 0.01,
        "optimizer": {"choices": ["sgd", "nesterov"]},
        "momentum": {"choices": [0.9]},
        "reg": {"choices": [1e-5, 1e-3, 1e-1]},
    }
    page = read(record(*[State.COMPLETE] * 3, space=space))
    axes = [one["layout"]["xaxis"] for one in page.figures if "layout" in one]
    types = {axis.get("title", {}).get("text"): axis.get("type") for axis in axes}
    assert (types["optimizer"], types["momentum"], types["reg"]) == ("category", "category", "log")
    assert "learning_rate" not in types


@pytest.mark.slow
def test_a_thousand_trials_fit_on_a_page(
    record: Callable[..., SearchStudy], folder: StudyFolder, tmp_path: Path
) -> None:
    search = record(*[State.COMPLETE, State.PRUNED] * 500)
    path = write_report(search, folder, None, tmp_path / "page.html")
    assert path.stat().st_size < 10_000_000


def test_a_page_that_cannot_be_written_says_so(
    record: Callable[..., SearchStudy], folder: StudyFolder, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        write_report(record(), folder, None, tmp_path / "nowhere" / "page.html")
