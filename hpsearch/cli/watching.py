"""A study's status as a table, printed once or redrawn while another process runs the study."""

import contextlib
import time
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hpsearch.api.terminal.console import make_console
from hpsearch.api.terminal.running import RunningTrial, tabulate_running
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.execution import FileLease
from hpsearch.engine.records import State, describe_retry
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.selection import describe_verdict, read_verdict
from hpsearch.engine.status import Status, read_status
from hpsearch.engine.trial_files import HISTORY_FILE, load_history
from hpsearch.engine.workspace import StudyFolder
from hpsearch.foundations.text import (
    describe_refit_state,
    list_trials,
    shorten_bytes,
    shorten_duration,
    shorten_number,
)

__all__ = ["tabulate_status", "watch_study"]

_PAUSE_S = 1.0


def watch_study(search: SearchStudy, folder: StudyFolder) -> None:
    """Redraw a study's status until no process runs it any more, or until Ctrl-C."""
    console = make_console()
    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(_render(search, folder, console.width), console=console, auto_refresh=False) as live,
    ):
        while _is_running(folder):
            time.sleep(_PAUSE_S)
            live.update(_render(search, folder, console.width), refresh=True)


def _is_running(folder: StudyFolder) -> bool:
    lease = FileLease.read(folder.lease)
    return lease is not None and lease.is_valid()


def _render(search: SearchStudy, folder: StudyFolder, width: int) -> RenderableType:
    status = tabulate_status(search, folder)
    if not _is_running(folder):
        return status
    searched = list(search.definition.search.space.searched())
    return Group(
        status,
        tabulate_running(_list_running(search, folder), searched, width, search.definition.metric),
    )


def _list_running(search: SearchStudy, folder: StudyFolder) -> list[RunningTrial]:
    """List the running trials, with the epochs in their histories on this machine."""
    return [
        RunningTrial(
            str(record.number),
            record.hyperparameters,
            load_history(folder.trial(record.number) / HISTORY_FILE),
        )
        for record in search.records()
        if record.state == State.RUNNING
    ]


def tabulate_status(search: SearchStudy, folder: StudyFolder, *, check: bool = False) -> Table:
    """Tabulate a study's status; see `read_status`."""
    return _tabulate(
        read_status(search, folder, check=check),
        describe_verdict(read_verdict(search)),
        search.definition,
    )


def _tabulate(status: Status, verdict: Sequence[str], definition: StudyDefinition) -> Table:
    metric = definition.metric
    cost, best, disk = status.cost, status.best, status.disk
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # a truncated hash is useless
    table.add_row("study", f"{status.study} ({status.state})")
    table.add_row("trials", status.trials.describe())
    if folds := status.n_folds:
        table.add_row("validation", f"{folds}-fold cross-validation")
    if best:
        value_of_best = f"{metric.val_name} {metric.format(best.value)}"
        table.add_row("best", f"trial {best.number}, {value_of_best}")
        searched = {name: best.params[name] for name in definition.search.space.searched()}
        table.add_row("", "  ".join(f"{name}={shorten_number(v)}" for name, v in searched.items()))
        table.add_row("model", best.net_sha256 or "-")
    if status.refit:
        table.add_row("best model", describe_refit_state(status.refit.state))
    for index, line in enumerate(verdict):
        table.add_row("" if index else "verdict", line)
    if due := status.n_confirmations_due:
        table.add_row("confirmations", f"{due} not started or interrupted")
    for one in status.evaluations:
        table.add_row("test", f"{one.text}, model {one.evaluation.net_sha256[:12]}")
        table.add_row("", one.note)
    if not status.evaluations:
        table.add_row("test", "not evaluated")
    for problem in status.evaluation_problems:
        table.add_row("", Text(problem, style="yellow"))
    table.add_row(
        "core time",
        f"training {shorten_duration(cost.training)}"
        f" (pruned trials {shorten_duration(cost.pruned)}),"
        f" overhead {shorten_duration(cost.overhead)}",
    )
    table.add_row(
        "idle",
        f"{cost.waited_for_lag_share:.1%} of the workers' time, waiting for earlier trials (lag)",
    )
    table.add_row(
        "disk",
        f"{shorten_bytes(disk.total)}, of it {shorten_bytes(disk.checkpoints)}"
        f" in {disk.n_checkpoints} checkpoints",
    )
    table.add_row("fingerprint", status.fingerprint)
    for index, problem in enumerate(status.record.problems if status.record else ()):
        table.add_row("" if index else "record", Text(problem, style="red"))
    for number, retry in status.retries:
        table.add_row("", f"run again: {describe_retry(number, retry)}")
    if numbers := status.ended_by_machine:
        table.add_row(
            "",
            f"differs from that of an undisturbed run: the workers of {list_trials(numbers)} died"
            " repeatedly; `hpsearch run` with --retry-failed runs failed trials again",
        )
    for index, line in enumerate(status.differences):
        table.add_row("" if index else "versions", line)
    return table
