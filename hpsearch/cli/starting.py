"""``hpsearch new`` and ``schema``: a study file to begin from, and what an editor needs for it."""

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.terminal import say
from hpsearch.data import SOURCE_NAMES, FolderContents, FolderSettings, find_image_folder
from hpsearch.definition import (
    OWN_SIZE,
    SCHEMA_FILE,
    make_schema,
    parse_definition,
    write_template,
)
from hpsearch.errors import StoreError, UsageError
from hpsearch.files import write_atomically
from hpsearch.wording import suggest

__all__ = ["new", "schema"]


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the study and of its file.")],
    source: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"One of {', '.join(SOURCE_NAMES)}.  [default: digits, or folder with --images]",
            autocompletion=lambda: list(SOURCE_NAMES),
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Own images: a folder with a sub-folder for each class."),
    ] = None,
) -> None:
    """Write studies/NAME.toml, a commented study file to begin from; it runs as it is.

    Example: hpsearch new pets --images ~/pets
    """
    source = source or ("folder" if images else "digits")
    if source not in SOURCE_NAMES:
        raise UsageError(f"--source: there is no {source!r}{suggest(source, SOURCE_NAMES)}")
    path = Path("studies") / f"{name}.toml"
    if path.parent != Path("studies"):
        raise UsageError(f"{name}: expected the name of a study, not a path")
    if path.exists():
        raise UsageError(f"{path}: is there already; expected the name of a new study")
    if (source == "folder") != (images is not None):
        raise UsageError("--source folder and --images DIR: expected both or neither")
    own = _examine(images) if images else None
    content = write_template(source, own)
    definition = parse_definition(content, path)
    _write(path, content)
    _write(path.with_name(SCHEMA_FILE), _format_schema())
    say(
        f"{path}: {definition.trials} trials on {definition.data.train} images of {source}\n"
        f"next:  hpsearch run {shlex.quote(name)}   as it is, or edit it first"
    )
    if own and own.unreadable:
        n = len(own.unreadable)
        print(f"       but a run refuses the folder until {n} unreadable files are gone: see above")


def _examine(images: Path) -> FolderContents:
    """Look at all images, and print what there is."""
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
