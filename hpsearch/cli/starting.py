"""``hpsearch new`` and ``schema``: a study file to begin from, and its schema for editors."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.api.terminal.console import say
from hpsearch.datasets import (
    SOURCE_NAMES,
    FolderContents,
    FolderSettings,
    TabularDataset,
    TabularSettings,
    describe_table,
    find_image_folder,
    find_tabular_source,
)
from hpsearch.engine.definition import (
    OWN_SIZE,
    SCHEMA_FILE,
    make_schema,
    parse_definition,
    write_template,
)
from hpsearch.foundations.errors import StoreError, UsageError
from hpsearch.foundations.files import expand, write_atomically
from hpsearch.foundations.metrics import Task
from hpsearch.foundations.text import suggest
from hpsearch.trainers.finding import TrainerSpec

__all__ = ["new", "schema"]

# The option that gives the data of each source of own data.
_OPTIONS = {
    "folder": "--images DIR",
    "table": "--table FILE",
    "arrays": "--arrays FILE",
    "python": "--load MODULE:FUNCTION",
}


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the study and its file.")],
    source: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"One of {', '.join(SOURCE_NAMES)}.  [default: digits, or that of the given data]",
            autocompletion=lambda: list(SOURCE_NAMES),
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Your images: a folder with a sub-folder for each class."),
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your table: a CSV or Parquet file.")
    ] = None,
    arrays: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your arrays: an .npz file with X and y.")
    ] = None,
    load: Annotated[
        str | None,
        typer.Option(metavar="MODULE:FUNCTION", help="A function in studies/ that returns data."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of the table to predict.")
    ] = None,
    regression: Annotated[
        bool, typer.Option("--regression", help="Predict a number, not a class.")
    ] = False,
    trainer: Annotated[
        str | None,
        typer.Option(metavar="MODULE:CLASS", help="Your trainer; its module must be in studies/."),
    ] = None,
) -> None:
    """Write studies/NAME.toml, a commented study file that can be run and edited.

    Example: hpsearch new pets --images ~/pets
    """
    given = {"folder": images, "table": table, "arrays": arrays, "python": load}
    source = _choose_source(source, [name for name, place in given.items() if place is not None])
    path = _choose_path(name)
    own: FolderContents | TabularDataset | None = None
    settings = None
    if images:
        own = _examine(images)
    elif place := table or arrays or load:
        if table and not target:
            raise UsageError("--table needs --target COLUMN, the column to predict")
        if isinstance(place, Path):
            place = str(expand(place).resolve())
        task = Task.REGRESSION if regression else Task.CLASSIFICATION
        settings = TabularSettings(place, task, target, folder=str(path.parent))
        own = _read(source, settings)
    spec = TrainerSpec(trainer, path.parent.resolve()) if trainer else None
    content = write_template(source, own, settings, spec)
    definition = parse_definition(content, path)
    _write(path, content)
    _write(path.with_name(SCHEMA_FILE), _format_schema())
    examples = "rows" if definition.data.is_tabular else "images"
    say(
        f"{path}: {definition.trials} trials on {definition.data.train} {examples} of {source}\n"
        f"next:  hpsearch run {shlex.quote(name)}   as it is, or edit it first"
    )
    if isinstance(own, FolderContents) and own.unreadable:
        n = len(own.unreadable)
        say(f"       but a run refuses the folder until the {n} unreadable files above are removed")


def _choose_source(named: str | None, given: Sequence[str]) -> str:
    """Choose the source called `named`, or that of the data `given`; digits by default."""
    if len(given) > 1:
        raise UsageError("expected one of --images, --table, --arrays and --load")
    source = named or (given[0] if given else "digits")
    if source not in SOURCE_NAMES:
        raise UsageError(f"--source: there is no {source!r}{suggest(source, SOURCE_NAMES)}")
    if list(given) != ([source] if source in _OPTIONS else []):
        needed = _OPTIONS.get(source, "no own data")
        raise UsageError(f"--source {source}: expected {needed} with it")
    return source


def _choose_path(name: str) -> Path:
    path = Path("studies") / f"{name}.toml"
    if path.parent != Path("studies"):
        raise UsageError(f"{name}: expected the name of a study, not a path")
    if path.exists():
        raise UsageError(f"{path}: exists; expected the name of a new study")
    return path


def _read(source: str, settings: TabularSettings) -> TabularDataset:
    """Read all rows, and print a summary."""
    dataset = find_tabular_source(source, settings, ()).load()
    for line in describe_table(dataset):
        say(line)
    return dataset


def _examine(images: Path) -> FolderContents:
    """Check all images, and print a summary."""
    settings = FolderSettings(images, (OWN_SIZE, OWN_SIZE))
    contents = find_image_folder(settings, ()).contents
    for remark in contents.remarks():
        say(f"{remark.text}; {remark.advice}" if remark.advice else remark.text)
    return contents


def schema() -> None:
    """Print the JSON schema of study files, for editors.

    Example: hpsearch schema > study.schema.json
    """
    print(_format_schema(), end="")


def _format_schema() -> str:
    return json.dumps(make_schema(), indent=2) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from error
