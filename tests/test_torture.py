"""The torturer finds what was planted, and a short run of it finds nothing."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torture import Coordinator
from torture_verdict import Tally, install_audit_hook

from hpsearch.engine.trial_files import HISTORY_FILE, Epoch, save_history
from hpsearch.engine.workspace import StudyFolder

SCRIPT = Path(__file__).parents[1] / "scripts" / "torture.py"
STUDY = """
trials = 5
lag = 3
[data]
source = "digits"
train = 600
validation = 150
test = 100
[search]
pruner = { name = "median", n_startup_trials = 2 }
[search.space]
batch_size = 50
initial_std = 0.01
learning_rate = { low = 0.003, high = 0.1, log = true }
reg = 1e-3
hidden_size = { low = 4, high = 24 }
epochs = { low = 100, high = 200 }
"""


@pytest.mark.slow
def test_ten_kills_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(STUDY)
    command = [sys.executable, SCRIPT, tmp_path / "small.toml", "--kills", "10", "--seed", "3"]
    command += ["--longest", "0.5", "--workspace", tmp_path / "torture"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    verdict = done.stdout.splitlines()[-1]
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict.startswith("10 kills (")
    assert "0 RUNNING, 0 lost, 0 doubled; 0 MLflow mismatches" in verdict
    assert verdict.endswith("fingerprint equal")


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    """A study of one trial of three epochs, whose net was scored."""
    folder = StudyFolder(tmp_path / "studies" / "small")
    folder.create()
    folder.trial(0).mkdir()
    epochs = [Epoch(n, 0.5, 1.0, 1e9) for n in (1, 2, 3)]
    save_history(folder.trial(0) / HISTORY_FILE, epochs)
    lines = [{"event": event, "study": "small"} for event in ("begun", "scored")]
    folder.test_ledger.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def _make_audit_lines(folder: StudyFolder, *, begun: int, saved: int) -> list[str]:
    trial = folder.trial(0)
    return [f"begun {trial}"] * begun + [f"saved {trial}"] * saved


@pytest.mark.parametrize(
    ("begun", "saved", "redone", "is_clean"),
    [
        (1, 3, 0, True),
        (3, 3, 2, True),  # one kill with two trials in flight allows for two
        (4, 3, 3, False),
        (2, 4, 2, False),  # a whole epoch was lost
    ],
)
def test_epochs_begun_twice_are_counted_and_bounded_by_the_kills(
    begun: int, saved: int, redone: int, is_clean: bool, folder: StudyFolder
) -> None:
    tally = Tally(n_jobs=2)
    tally.kills["worker"] = 1
    tally.kills["server"] = 5  # costs no epochs
    tally.count_epochs(folder, _make_audit_lines(folder, begun=begun, saved=saved))
    assert (tally.epochs, tally.redone, tally.is_clean) == (3, redone, is_clean)


def test_missing_audit_lines_are_an_error(folder: StudyFolder) -> None:
    with pytest.raises(SystemExit, match="the audit log has fewer epochs"):
        Tally(2).count_epochs(folder, _make_audit_lines(folder, begun=1, saved=2))


@pytest.mark.parametrize(
    ("opened", "is_clean"),
    [
        (["/hpsearch/engine/test_evaluation.py"], True),
        (["/hpsearch/engine/test_evaluation.py", "/hpsearch/datasets/mapped_splits.py"], False),
        (["/hpsearch/engine/test_evaluation.py", ""], False),
    ],
)
def test_opening_the_test_file_in_another_module_is_reported(
    opened: list[str], is_clean: bool, folder: StudyFolder
) -> None:
    tally = Tally(2)
    tally.count_evaluations(folder, [f"opened ['{one}']" for one in opened])
    assert tally.is_clean == is_clean


def test_a_second_evaluation_is_reported(folder: StudyFolder) -> None:
    with folder.test_ledger.open("a") as ledger:
        ledger.write(2 * '{"event": "begun", "study": "small"}\n')
    tally = Tally(2)
    tally.count_evaluations(folder, ["opened ['/hpsearch/engine/test_evaluation.py']"])
    assert not tally.is_clean


@pytest.mark.parametrize(
    "fault",
    [
        {"running": 1},
        {"lost": 1},
        {"doubled": 1},
        {"mismatches": 1},
        {"improper": 1},
        {"is_equal": False},
    ],
)
def test_no_fault_is_clean(fault: dict[str, Any]) -> None:
    assert Tally(2).is_clean
    assert not Tally(2, **fault).is_clean


@pytest.mark.parametrize(
    "how",
    [
        "open({path!r}, 'rb').read()",
        "import os; os.read(os.open({path!r}, os.O_RDONLY), 9)",
        "import numpy; numpy.load({path!r})",
        "import numpy; numpy.memmap({path!r}, 'u1', 'r')",
        "import numpy; numpy.fromfile({path!r}, 'u1')",
        "import zipfile; zipfile.ZipFile({path!r})",
        "import os, pathlib; os.chdir(pathlib.Path({path!r}).parent); open('test.npz')",
        "import os; os.link({path!r}, {path!r} + '.copy')",
        "import shutil; shutil.copy({path!r}, {path!r} + '.copy')",
        "import hpsearch.foundations.files, pathlib; pathlib.Path({path!r}).read_bytes()",
    ],
)
def test_the_audit_hook_logs_every_way_to_open_the_test_file(how: str, tmp_path: Path) -> None:
    import numpy as np

    np.savez(tmp_path / "test.npz", images=np.zeros(3))
    audit_log = install_audit_hook(tmp_path / "audit")
    subprocess.run(
        [sys.executable, "-c", how.format(path=str(tmp_path / "test.npz"))],
        env={"PYTHONPATH": str(audit_log.parent), "PATH": "/usr/bin:/bin"},
        check=True,
    )
    opened = [line for line in audit_log.read_text().splitlines() if line.startswith("opened")]
    assert opened
    assert not any("test_evaluation.py" in line for line in opened)


PROPER = "sys.exit(130)"


@pytest.mark.parametrize(
    ("answer", "is_proper"),
    [
        (PROPER, True),
        ("sys.exit(1)", False),
        ("print('Traceback (most recent call last)', file=sys.stderr); sys.exit(130)", False),
        ("signal.signal(signal.SIGINT, signal.SIG_DFL); os.kill(os.getpid(), 2)", False),
    ],
)
def test_an_improper_stop_is_reported(answer: str, is_proper: bool, tmp_path: Path) -> None:
    program = (
        "import os, signal, sys, time\n"
        f"def answer(*_):\n    {answer}\n"
        "signal.signal(signal.SIGINT, answer); signal.signal(signal.SIGTERM, answer)\n"
        "time.sleep(600)"
    )
    log = tmp_path / "log"
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", program], stderr=file, start_new_session=True
        )
    reader = subprocess.Popen(["true"])
    assert Coordinator(process, reader, log).stop(signal.SIGINT, 1) == is_proper
    reader.wait()
