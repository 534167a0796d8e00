"""Reports of benchmarks: a table with goals, and a plot, printed and written to results/."""

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from joblib import cpu_count
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_info

__all__ = ["RESULTS", "Report", "describe_machine", "judge"]

RESULTS = Path(__file__).resolve().parent / "results"
_PACKAGES = ("numpy", "optuna", "mlflow", "joblib")
_WIDTH = 120
# If set, NumPy may be far slower, or faster, than with the processor that its BLAS detects.
_BLAS_PROCESSOR = "OPENBLAS_CORETYPE"


@dataclass
class Report:
    """Results of one benchmark.

    Parameters
    ----------
    name : str
        Of the benchmark, and of its files.
    title : str
        Title of the table.
    columns : sequence of str
        Headings of the columns, the goal among them.
    folder : Path
        Where the files are written.
    """

    name: str
    title: str
    columns: Sequence[str]
    folder: Path = RESULTS
    rows: list[Sequence[str]] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        """Add a row."""
        self.rows.append(cells)

    def write(self, figure: Figure | None = None) -> None:
        """Print the table and write it to ``<name>.txt``; the plot to ``<name>.png``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        table = Table(title=self.title, box=box.SIMPLE_HEAD, caption=describe_machine())
        for index, column in enumerate(self.columns):
            table.add_column(column, justify="right" if index else "left")
        for row in self.rows:
            table.add_row(*row)
        Console(width=_WIDTH).print(table)
        with (self.folder / f"{self.name}.txt").open("w") as file:
            Console(file=file, width=_WIDTH).print(table)
        if figure:
            figure.savefig(self.folder / f"{self.name}.png", dpi=110)


def judge(value: float, limit: float, unit: str = "", *, at_least: bool = False) -> str:
    """Format a goal of at most, or `at_least`, `limit`, and whether `value` meets it."""
    is_met = value >= limit if at_least else value <= limit
    return f"{'>=' if at_least else '<='} {limit:g}{unit} {'met' if is_met else 'MISSED'}"


def describe_machine(packages: Iterable[str] = _PACKAGES) -> str:
    """Describe processor, cores, versions and NumPy's BLAS."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].split(":", 1)[1].strip() if lines else model
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    cores = f"{cpu_count()} cores of {model}"
    return f"{cores}; Python {platform.python_version()}, {versions}; {_describe_blas()}"


def _describe_blas() -> str:
    """Describe this process's BLAS, its target processor, and the variable that overrides it."""
    libraries = [
        f"{blas['internal_api']} {blas['version']} for {blas.get('architecture', 'any')}"
        for blas in threadpool_info()
        if blas["user_api"] == "blas"
    ]
    override = os.environ.get(_BLAS_PROCESSOR)
    source = f", as {_BLAS_PROCESSOR}={override} says" if override else ""
    return " and ".join(dict.fromkeys(libraries)) + source
