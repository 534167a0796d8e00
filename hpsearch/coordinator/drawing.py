"""Pictures of trials and of the study, drawn in a process beside the coordinator."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from hpsearch.coordinator.session import Session
from hpsearch.data import PreparedData
from hpsearch.execution import HelperProcess
from hpsearch.records import TrialRecord
from hpsearch.results import (
    Net,
    make_frames,
    make_net_pictures,
    make_study_pictures,
    make_trial_pictures,
    trial_preprocessing,
)
from hpsearch.search import SearchStudy
from hpsearch.training import Film
from hpsearch.workspace import StudyFolder

__all__ = ["Drawer"]

# What the end of a study takes: a second and a half to import (plotly, scikit-learn).
_NEEDED_AT_THE_END = ("hpsearch.report", "optuna.importance")

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class Drawer:
    """Draws in the order in which it is asked to; who asks goes on, and waits for the future.

    Parameters
    ----------
    session : Session
        The study.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._helper = HelperProcess()
        # All that it does is wait for the helper.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="drawer")

    def get_ready(self) -> None:
        """Import what the study's end needs."""
        for name in _NEEDED_AT_THE_END:
            self._thread.submit(self._helper.get_ready, name)

    def draw_trial(self, record: TrialRecord) -> Future[list[Path]]:
        """Curves and weights of a trial; nothing if it is to be run again."""
        return self._thread.submit(self._draw_trial, record)

    def draw_frames(self, net: Net, film: Film) -> Future[dict[int, NDArray[np.uint8]]]:
        """The film of the best net's training, frame by frame; see `make_frames`."""
        return self._draw(make_frames, film, net.image_shape)

    def draw_net(self, net: Net, film: Film) -> Future[list[Path]]:
        """The best net."""
        return self._draw(make_net_pictures, net, film, self._session.folder.pictures)

    def draw_study(self) -> Future[list[Path]]:
        """The study as it stands: its page, and Optuna's plots."""
        session = self._session
        return self._draw(_draw_study, session.search, session.folder, session.data)

    def close(self) -> None:
        """Begin nothing more; what is being drawn is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._helper.close()

    def _draw(
        self, draw: Callable[Arguments, Answer], *what: Arguments.args, **how: Arguments.kwargs
    ) -> Future[Answer]:
        return self._thread.submit(lambda: self._helper.run(draw, *what, **how))

    def _draw_trial(self, record: TrialRecord) -> list[Path]:
        if not record.state.is_finished:
            return []
        session = self._session
        return self._helper.run(
            make_trial_pictures,
            session.folder.trial(record.number),
            f"{session.definition.name}, trial {record.number}",
            trial_preprocessing(record, session.data),
            session.data.image_shape,
        )


def _draw_study(search: SearchStudy, folder: StudyFolder, data: PreparedData) -> list[Path]:
    from hpsearch.report import write_report  # plotly and matplotlib: a second to import

    page = write_report(search, folder, data, folder.report)
    return [page, *make_study_pictures(search, folder.pictures)]
