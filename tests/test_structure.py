"""A newcomer guesses the module from the question: each has a name of its own and is small."""

from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "hpsearch"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if not path.stem.startswith("__")]
MAX_LINES = 250

# Names that two modules share, and why.
SHARED_NAMES = {
    "check": "the conformance check, and the command that runs it",
    "gradcheck": "the assignment's notebook imports it from hpsearch",
    "net": "the assignment's notebook imports it from hpsearch",
    "run": "the function that runs a study, and the command that calls it",
}
# Modules above the limit, and why.
LARGE = {
    "api/publishing/mlflow_publisher.py": "one class: a thread that shows events in MLflow",
    "api/terminal/display.py": "the display of a run, live and in plain lines",
    "engine/search/sole_writer.py": "one class: all methods of Optuna's storage interface",
    "report/page.py": "the sections of the page in their order",
    "tracking/mirror.py": "all that is written of a study to MLflow",
    "trainers/base.py": "the interface of trainers, most of it documentation",
    "trainers/two_layer_net/net.py": "one class, with the methods of the assignment",
    "trainers/two_layer_net/products/pixels.py": "compiled loops that share constants",
    "trainers/two_layer_net/step.py": "one step of training, as the mathematics reads",
    "trainers/two_layer_net/trainer.py": "the trainer, with all its methods",
}


def _find_shared_names(modules: list[Path]) -> dict[str, list[str]]:
    paths = defaultdict(list)
    for path in modules:
        paths[path.stem].append(str(path))
    return {name: found for name, found in paths.items() if len(found) > 1}


def test_no_two_modules_share_a_name_without_a_reason() -> None:
    shared = _find_shared_names(MODULES)
    assert shared.keys() <= SHARED_NAMES.keys(), shared


def test_no_module_is_large_without_a_reason() -> None:
    lines = {
        path.relative_to(PACKAGE).as_posix(): len(path.read_text().splitlines()) for path in MODULES
    }
    large = {name: n for name, n in lines.items() if n > MAX_LINES}
    assert large.keys() <= LARGE.keys(), large


def test_a_shared_name_is_found() -> None:
    modules = [Path("engine/space.py"), Path("report/space.py"), Path("report/page.py")]
    assert _find_shared_names(modules) == {"space": ["engine/space.py", "report/space.py"]}
