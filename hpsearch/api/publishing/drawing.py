"""Pictures of the best trial and of the study, drawn in a helper process of the coordinator."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import ParamSpec, TypeVar

from hpsearch.datasets import PreparedData
from hpsearch.engine.execution import HelperProcess
from hpsearch.engine.records import TrialRecord
from hpsearch.engine.scheduling.session import Session
from hpsearch.engine.search import SearchStudy, import_importances
from hpsearch.engine.workspace import StudyFolder
from hpsearch.report.pictures import Pictures, draw_best_model, draw_trial

__all__ = ["Drawer"]

_MODULES = ("hpsearch.report.curves", "hpsearch.report.page", "scipy.cluster.hierarchy")

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class Drawer:
    """Draws pictures in the background, in the order of the calls; each call returns a future.

    Parameters
    ----------
    session : Session
        The study.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._helper = HelperProcess()
        # The thread only waits for the helper process.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="drawer")

    def warm_up(self) -> None:
        """Start the process and import what it needs, which takes seconds."""
        self._draw(_warm_up)

    def draw_trial(self, record: TrialRecord) -> Future[list[Path]]:
        """Draw a trial's curves, and its model if its checkpoint is kept."""
        session, folder = self._session, self._session.folder.trial(record.number)
        return self._draw(draw_trial, session.definition, record, session.data, folder)

    def draw_best_model(self, record: TrialRecord) -> Future[Pictures]:
        """Draw the best model: that of the trial `record`, with folds that of its refit."""
        session, folder = self._session, self._session.folder
        number, is_refit = record.number, session.definition.data.n_folds is not None
        trained = folder.refit(number) if is_refit else folder.trial(number)
        return self._draw(
            draw_best_model, session.definition, record, session.data, trained, folder.pictures
        )

    def draw_study(self) -> Future[list[Path]]:
        """Write the study's page, with its trials so far."""
        session = self._session
        return self._draw(_draw_study, session.search, session.folder, session.data)

    def close(self) -> None:
        """Cancel all drawing, that in progress too."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._helper.close(kill=True)

    def _draw(
        self, draw: Callable[Arguments, Answer], *what: Arguments.args, **how: Arguments.kwargs
    ) -> Future[Answer]:
        return self._thread.submit(lambda: self._helper.run(draw, *what, **how))


def _warm_up() -> None:
    import_importances()
    for module in _MODULES:
        import_module(module)


def _draw_study(search: SearchStudy, folder: StudyFolder, data: PreparedData) -> list[Path]:
    _warm_up()
    from hpsearch.report.page import write_report

    return [write_report(search, folder, data, folder.report)]
