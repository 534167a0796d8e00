"""Publisher of the record in MLflow, in a thread of its own: a slow store never delays a trial."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.api.publishing.drawing import Drawer
from hpsearch.api.publishing.mlflow_content import describe_origin, view_model, view_study
from hpsearch.engine.models import Model
from hpsearch.engine.records import TrialRecord, best_of
from hpsearch.engine.scheduling.run_options import RunOptions
from hpsearch.engine.scheduling.session import Session
from hpsearch.engine.selection import Verdict, read_verdict, write_table
from hpsearch.engine.trial_files import HISTORY_FILE, Epoch, load_history
from hpsearch.foundations.errors import StoreError
from hpsearch.foundations.text import redact
from hpsearch.report.pictures import Pictures, list_pictures
from hpsearch.tracking import TrackingStore, TrialView, open_mirror, rehearse_model

if TYPE_CHECKING:
    from hpsearch.tracking.mirror import Mirror

__all__ = ["MlflowPublisher", "tracking_store"]

# Interval between updates of a running trial's curves, and age at the first: each costs requests,
# and a trial that ends within seconds is written once.
_LIVE_INTERVAL_S = 5.0
# Time without requests after a failure.
_RETRY_INTERVAL_S = 30.0
# Longest time that a stopped run waits for MLflow.
_STOP_PATIENCE_S = 10.0
_TICK_S = 0.1


def tracking_store(options: RunOptions) -> TrackingStore:
    """Return the tracking store that the options name: a server, or the store in the workspace.

    Raises
    ------
    UsageError
        If SQLite cannot open a path of that length.
    """
    uri = options.tracking_uri or f"sqlite:///{options.workspace.mlflow_db}"
    # A server stores artifacts itself; other stores would write them to the current folder.
    is_server = uri.startswith(("http://", "https://"))
    store = TrackingStore(uri, None if is_server else options.workspace.mlflow_artifacts)
    store.check_path()
    return store


class MlflowPublisher:
    """Takes what happens and shows it, in a thread of its own, in order.

    Nothing here is needed by the study: a task that fails is dropped, `failure` says why, and
    the record still holds all that it would have shown.

    Parameters
    ----------
    session : Session
        The study.
    store : TrackingStore
        MLflow's tracking store.
    """

    def __init__(self, session: Session, store: TrackingStore) -> None:
        self.failure: str | None = None
        self._session = session
        self._store = store
        self._tasks: queue.Queue[Callable[[], object] | None] = queue.Queue()
        self._connection: Mirror | None = None
        self._address: dict[str, str] | None = None
        starts = [one.started_at for one in session.search.records() if one.started_at]
        self._started_at = min([*starts, datetime.now()])
        self._retry_at = 0.0
        self._progress_at = time.monotonic()
        self._repair = False
        self._drawer = Drawer(session)
        self._best_drawing: Future[Pictures] | None = None
        self._shown_live: dict[int, float] = {}
        self._thread = threading.Thread(target=self._work, name="mlflow-publisher", daemon=True)
        self._thread.start()

    @property
    def address(self) -> dict[str, str] | None:
        """MLflow's experiment and run id of the study, once they are known."""
        return self._address

    @property
    def repairs(self) -> Sequence[str]:
        """Corrections that `catch_up` of everything has made, a line each."""
        return self._connection.repairs if self._connection else ()

    def warm_up(self) -> None:
        """Warm up for the study's end while its last trials run: imports, a first model logged."""
        self._drawer.warm_up()
        self._tasks.put(rehearse_model)

    def show_running(self, record: TrialRecord, epochs: Sequence[Epoch]) -> None:
        """Write a running trial to MLflow, at most every few seconds; short trials not at all."""
        now = time.time()
        began = record.started_at.timestamp() if record.started_at else 0.0
        if now - self._shown_live.get(record.number, began) >= _LIVE_INTERVAL_S:
            self._shown_live[record.number] = now
            view = TrialView(record, epochs)
            self._tasks.put(lambda: self._use(lambda mirror: mirror.show_trial(view)))

    def show_ended(self, record: TrialRecord) -> None:
        """Write a trial that has ended or returned to the queue to MLflow, with its pictures."""
        self._tasks.put(lambda: self._show_ended(record))

    def draw_ahead(self, model: Model) -> None:
        """Start drawing the best model, before its selection is judged."""
        self._best_drawing = self._draw_best(model)

    def show_study(self, status: str, model: Model | None = None) -> None:
        """Write the study's current state to MLflow, and register its best model if it is known."""
        records, verdict = self._session.search.records(), read_verdict(self._session.search)
        self._tasks.put(lambda: self._show_study(status, records, verdict, model))

    def catch_up(self, *, everything: bool = False) -> None:
        """Write what MLflow lacks; with `everything` compare and correct all that it has."""
        records = self._session.search.records()
        self._tasks.put(lambda: self._catch_up(records, everything))

    def close(
        self,
        patience_s: float,
        stall_s: float | None = None,
        stop: threading.Event | None = None,
    ) -> bool:
        """Wait until everything is written to MLflow; return whether it is.

        Parameters
        ----------
        patience_s : float
            Longest waiting time.
        stall_s : float, optional
            Longest waiting time without progress: a server may accept a request and never answer.
        stop : threading.Event, optional
            Once it is set, the waiting time is at most 10 s more.
        """
        self._tasks.put(None)
        try:
            return self._wait(patience_s, stall_s, stop) and self.failure is None
        finally:
            self._drawer.close()

    def _wait(self, patience_s: float, stall_s: float | None, stop: threading.Event | None) -> bool:
        """Wait for the thread; return whether it ended in time."""
        began, is_stopped = time.monotonic(), False
        while self._thread.is_alive():
            now = time.monotonic()
            if stop and stop.is_set() and not is_stopped:
                is_stopped = True
                patience_s = min(patience_s, now - began + _STOP_PATIENCE_S)
            stalled = stall_s is not None and now - max(began, self._progress_at) > stall_s
            if stalled or now - began > patience_s:
                waited = stall_s if stalled else patience_s
                self.failure = self.failure or f"nothing got done for {waited:.0f} s"
                return False
            self._thread.join(_TICK_S)
        return True

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._try(task)

    def _try(self, task: Callable[[], object]) -> None:
        """Run `task`; an exception is kept as `failure` and never stops the study."""
        try:
            task()
            self._progress_at = time.monotonic()
        except StoreError as error:
            self.failure = str(error)
        except Exception as error:
            self.failure = redact(f"{type(error).__name__}: {' '.join(str(error).split())}")

    def _use(self, show: Callable[["Mirror"], object]) -> None:
        """Call `show` with a connection to MLflow.

        A connection that failed is not used again: its runs may be gone. The next one reads what
        MLflow has, but not at once, as each attempt at a dead server costs half a minute.
        """
        if time.monotonic() < self._retry_at:
            raise StoreError(self.failure or "MLflow cannot be reached")
        try:
            if self._connection is None:
                self._connect()
            assert self._connection is not None
            show(self._connection)
        except StoreError:
            self._connection = None
            self._retry_at = time.monotonic() + _RETRY_INTERVAL_S
            raise

    def _connect(self) -> "Mirror":
        session = self._session
        data, tags = describe_origin(session)
        mirror = open_mirror(
            self._store, session.definition, data, tags, self._started_at, repair=self._repair
        )
        self._connection = mirror
        self._address = {"experiment_id": mirror.experiment_id, "run_id": mirror.run_id}
        return mirror

    def _show_ended(self, record: TrialRecord) -> None:
        folder = self._session.folder.trial(record.number)
        view = TrialView(record, load_history(folder / HISTORY_FILE), list_pictures(folder))
        self._use(lambda mirror: mirror.show_trial(view))

    def _show_drawn(self, record: TrialRecord, drawn: Future[list[Path]]) -> None:
        drawn.result()
        self._show_ended(record)

    def _show_study(
        self, status: str, records: Sequence[TrialRecord], verdict: Verdict, model: Model | None
    ) -> None:
        session, drawer = self._session, self._drawer
        files: list[Path] = []
        best = (self._best_drawing or self._draw_best(model)) if model else None
        best_trial = best_of(records) if status == "FINISHED" else None
        page = curves = None
        if status != "RUNNING":
            files.append(session.folder.root / "trials.csv")
            write_table(records, files[-1])
            curves = drawer.draw_trial(best_trial) if best_trial else None
            page = drawer.draw_study()
        try:
            if best_trial and curves:
                # A trial that cannot be drawn does not hide the study.
                self._try(lambda: self._show_drawn(best_trial, curves))
            if self._repair:
                known = view_study(session, status, records, verdict, ())
                self._use(lambda mirror: mirror.check_study(known))
            if model and best:
                view = view_model(session, model, best.result().by_epoch, verdict)
                self._use(lambda mirror: mirror.show_model(view))
                self._progress_at = time.monotonic()
        finally:
            files += best.result().files if best else []
            files += page.result() if page else []
        study = view_study(session, status, records, verdict, files)
        self._use(lambda mirror: mirror.show_study(study))

    def _draw_best(self, model: Model) -> Future[Pictures]:
        return self._drawer.draw_best_model(self._session.search.record(model.facts["trial"]))

    def _catch_up(self, records: Sequence[TrialRecord], everything: bool) -> None:
        # The runs of an earlier connection may have been deleted since.
        self.failure, self._connection = None, None
        self._repair = everything
        for record in records:
            if self._connection is None:
                # After a failure too: if MLflow can be reached now, the failure was the trial's.
                self._retry_at = 0.0
                self._connect()
            assert self._connection is not None
            if everything or not self._connection.is_level(record):
                self._try(lambda record=record: self._show_ended(record))
        self._retry_at = 0.0
