"""Pictures are drawn elsewhere, one after the other, while who asked goes on."""

from collections.abc import Callable

from hpsearch.api.publishing.drawing import Drawer
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import best_of
from hpsearch.engine.scheduling import Event, RunOptions, open_session
from hpsearch.engine.workspace import Workspace
from tests.processes import list_modules


def test_all_pictures_of_a_study_are_drawn_in_the_order_asked_for(
    define: Callable[..., StudyDefinition],
    conduct: Callable[..., list[Event]],
    workspace: Workspace,
) -> None:
    definition = define(trials=3)
    conduct(definition)
    with open_session(definition, RunOptions(workspace)) as session:
        records = session.search.records()
        best = best_of(records)
        assert best
        drawer = Drawer(session)
        drawer.warm_up()
        of_trials = [drawer.draw_trial(record) for record in records]
        of_best, of_study = drawer.draw_best_model(best), drawer.draw_study()
        assert of_study.result()
        drawn = (*of_trials, of_best)
        assert all(one.done() for one in drawn)
        drawer.close()
    for record, drawn in zip(records, of_trials, strict=True):
        folder = session.folder.trial(record.number)
        names = ("learning_curves.png", "weights.png", "iterations.csv")
        assert sorted(drawn.result()) == sorted(folder / name for name in names)
    shown = of_best.result()
    assert list(shown.by_epoch["weights"])[:2] == [0, 1]
    names = {path.name for path in shown.files}
    assert names == {"best_weights.png", "class_weights.png", "filmstrip.png"}
    paths = [*shown.files, *of_study.result()]
    assert session.folder.report in paths
    assert all(path.stat().st_size for path in paths)


def test_a_drawing_error_is_raised_by_its_future(
    define: Callable[..., StudyDefinition],
    conduct: Callable[..., list[Event]],
    workspace: Workspace,
) -> None:
    definition = define(trials=2)
    conduct(definition)
    with open_session(definition, RunOptions(workspace)) as session:
        first, second = session.search.records()
        (session.folder.trial(first.number) / "history.json").write_text("{")
        drawer = Drawer(session)
        broken, sound = drawer.draw_trial(first), drawer.draw_trial(second)
        assert "history.json" in str(broken.exception())
        assert sound.result()
        drawer.close()


def test_the_study_page_is_drawn_without_the_slowest_imports(
    define: Callable[..., StudyDefinition],
    conduct: Callable[..., list[Event]],
    workspace: Workspace,
) -> None:
    definition = define(trials=4)
    conduct(definition)
    with open_session(definition, RunOptions(workspace)) as session:
        drawer = Drawer(session)
        drawer.warm_up()
        before = drawer._draw(list_modules)
        of_study = drawer.draw_study()
        after = drawer._draw(list_modules)
        assert {"hpsearch.report.page", "optuna.importance"} <= set(before.result())
        assert of_study.result()
        assert "sklearn" not in after.result()
        drawer.close()
