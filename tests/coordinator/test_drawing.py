"""Pictures are drawn elsewhere, one after the other, while who asked goes on."""

from collections.abc import Callable
from dataclasses import replace

from hpsearch.coordinator import Event, RunOptions, open_session
from hpsearch.coordinator.drawing import Drawer
from hpsearch.definition import StudyDefinition
from hpsearch.records import State
from hpsearch.results import find_best_net, find_snapshots
from hpsearch.workspace import Workspace
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
        net = find_best_net(definition, records, session.folder, session.data)
        snapshots = find_snapshots(definition, records[net.facts["trial"]], session.folder)
        drawer = Drawer(session)
        drawer.warm_up()
        of_trials = [drawer.draw_trial(record) for record in records]
        of_none = drawer.draw_trial(replace(records[0], state=State.WAITING))
        of_net, of_study = drawer.draw_net(net, snapshots), drawer.draw_study()
        assert of_study.result()
        drawn = (*of_trials, of_none, of_net.frames, of_net.pictures)
        assert all(one.done() for one in drawn)
        drawer.close()
    for record, drawn in zip(records, of_trials, strict=True):
        folder = session.folder.trial(record.number)
        names = ("learning_curves.png", "weights.png", "iteration_losses.csv")
        assert drawn.result() == [folder / name for name in names]
    assert of_none.result() == []
    assert list(of_net.frames.result()) == snapshots.epochs.tolist()
    paths = [*of_net.pictures.result(), *of_study.result()]
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
        assert len(sound.result()) == 3
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
        assert {"hpsearch.report", "optuna.importance"} <= set(before.result())
        assert of_study.result()
        assert "sklearn" not in after.result()
        drawer.close()
