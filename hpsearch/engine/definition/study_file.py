"""Study files: find, read and write them, and compare the definitions in two of them."""

import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ValidationError

from hpsearch.engine.definition.study_definition import StudyDefinition
from hpsearch.engine.definition.trainer_settings import TrainerSettings
from hpsearch.foundations.errors import HpsearchError, UsageError
from hpsearch.foundations.tables import reword_error
from hpsearch.foundations.text import suggest
from hpsearch.trainers import Trainer
from hpsearch.trainers.finding import TRAINERS

__all__ = [
    "find_study_file",
    "format_definition",
    "list_changes",
    "list_study_files",
    "load_definition",
    "parse_definition",
]

# Parts of an error's location that pydantic adds for its unions; not keys of the file.
_TAGS = frozenset(
    {"range", "choices", "fixed", "named", "table"}
    | {"int_range", "float_range", "int_choices", "float_choices", "str_choices", "any_choices"}
)


def list_study_files() -> dict[str, Path]:
    """List the available study files: those in ``./studies``, then those of the package.

    Returns
    -------
    dict
        Stem to path.
    """
    package = Path(__file__).resolve().parents[2]
    # A wheel holds the shipped studies inside the package; a checkout holds them beside it.
    shipped = (package / "studies", package.with_name("studies"))
    files: dict[str, Path] = {}
    for folder in (Path("studies"), *shipped):
        for path in sorted(folder.glob("*.toml")):
            files.setdefault(path.stem, path)
    return files


def find_study_file(study: str) -> Path:
    """Find a study file by its path, or by the stem of a file in ``studies/``.

    Raises
    ------
    UsageError
        If there is no such file; the message suggests similar names.
    """
    path = Path(study)
    if path.suffix == ".toml":
        with contextlib.suppress(OSError):  # a name too long for any file
            if path.is_file():
                return path
        raise UsageError(f"{study}: expected a study file, found no such file")
    files = list_study_files()
    if study not in files:
        raise UsageError(f"{study}: expected the name of a study{suggest(study, files)}")
    return files[study]


def load_definition(path: Path) -> StudyDefinition:
    """Read and check a study file.

    Parameters
    ----------
    path : Path
        A TOML file; its stem is the default of `name`.

    Raises
    ------
    UsageError
        In one line: the file, the key, what was expected and what was found.
    """
    if not path.is_file():  # reading a pipe or a device may never end
        raise UsageError(f"{path}: expected a study file, found no such file")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: expected a study file, could not read it ({error})") from error
    return parse_definition(text, path)


def parse_definition(text: str, path: Path) -> StudyDefinition:
    """Parse and check `text`, the content of the study file at `path`.

    Raises
    ------
    UsageError
        As `load_definition`.
    """
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # huge integers, deep nesting
        raise UsageError(f"{path}: expected TOML: {error}") from error
    # Modules are imported from the study file's folder, wherever the study is run from.
    folder, data, trainer = str(path.parent.resolve()), content.get("data"), content.get("trainer")
    if isinstance(data, dict) and data.get("source") == "python":
        data.setdefault("path", folder)
    if isinstance(trainer, dict) and "class" in trainer:
        trainer.setdefault("folder", folder)
    try:
        definition = StudyDefinition.model_validate({"name": path.stem} | content)
    except ValidationError as error:
        raise UsageError(f"{path}: {_describe(error, content)}") from error
    definition.check(f"{path}: ")
    return definition


def _describe(error: ValidationError, content: Mapping[str, Any]) -> str:
    first, *others = error.errors(include_url=False)
    key = ".".join(str(part) for part in first["loc"] if part not in _TAGS)
    message = reword_error(first)
    match [part for part in first["loc"] if part not in _TAGS], first["type"]:
        case ["search", "space", str(name), *_], "missing":
            message += f"; expected a value or a range, {name} = {{ low = ..., high = ... }}"
        case ["search", "space", str(name)], kind if kind != "union_tag_invalid":
            message += _show_range(name, content["search"]["space"][name])
    more = f" (and {len(others)} more)" if others else ""
    return f"{key or 'the study'}: {message}{more}"


def _show_range(name: str, given: Any) -> str:
    """Show a valid range of the two numbers in `given`; empty if there are not two."""
    numbers = sorted({*_list_numbers(given)})
    if len(numbers) != 2 or (isinstance(given, dict) and not {"low", "high"} - given.keys()):
        return ""
    return f"; a range is {name} = {{ low = {numbers[0]}, high = {numbers[1]} }}"


def _list_numbers(given: Any) -> Iterator[int | float]:
    """Yield the numbers of a range in whatever form it was written."""
    match given:
        case bool():
            return
        case int() | float():
            yield given
        case str():
            for text in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", given):
                yield float(text) if set(text) & set(".e") else int(text)
        case dict():
            for value in given.values():
                yield from _list_numbers(value)
        case list():
            for value in given:
                yield from _list_numbers(value)


def format_definition(definition: StudyDefinition) -> str:
    """Format `definition` as the shortest study file: keys at their defaults are left out."""
    try:
        trainer: type[Trainer] | None = definition.trainer.load()
    except HpsearchError:  # its module is not here: its defaults are not known
        trainer = None
    described = definition.model_dump(
        mode="json",
        exclude_defaults=True,
        exclude_none=True,
        exclude={"trainer": True, "search": {"space"}},
    )
    space = definition.search.space.model_dump(exclude_defaults=True)
    described["search"] = {
        **described.get("search", {}),
        "space": _drop(space, _list_default_values(trainer)),
    }
    if own := _describe_trainer(definition.trainer, trainer):
        described["trainer"] = own
    return tomli_w.dumps(described)


def _describe_trainer(settings: TrainerSettings, trainer: type[Trainer] | None) -> dict[str, Any]:
    own = {key: value for key, value in settings.settings.items() if value is not None}
    if trainer and trainer.Settings:
        own = _drop(own, _list_defaults(trainer.Settings))
    names = {path: name for name, path in TRAINERS.items()}
    if settings.path not in names:
        return {"class": settings.path, **own}
    if settings == TrainerSettings.default():
        return {}
    return {"name": names[settings.path], **own}


def _list_default_values(trainer: type[Trainer] | None) -> dict[str, Any]:
    """Return the defaults of a trainer's declared hyperparameters, by name."""
    if trainer is None or trainer.Hyperparameters is None:
        return {}
    return _list_defaults(trainer.Hyperparameters)


def _list_defaults(declared: type[BaseModel]) -> dict[str, Any]:
    """Return the defaults of a declaration's fields, by name."""
    fields = declared.model_fields
    return {name: field.default for name, field in fields.items() if not field.is_required()}


def _drop(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return `values` without those that are at their defaults."""
    return {
        name: value
        for name, value in values.items()
        if name not in defaults or value != defaults[name]
    }


def list_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """List the keys whose values differ between two definitions, with both values.

    Parameters
    ----------
    before, after : mapping
        Returned by `StudyDefinition.identity_fields`.

    Returns
    -------
    list of str
        For example ``search.space.reg.high: 0.1 -> 0.5``; empty if they are equal.
    """
    old, new = dict(_flatten(before)), dict(_flatten(after))
    return [
        f"{key}: {old.get(key, 'nothing')} -> {new.get(key, 'nothing')}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def _flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        items: Iterator[tuple[Any, Any]] = iter(value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        items = iter(enumerate(value))
    else:
        yield path, value
        return
    for key, inner in items:
        yield from _flatten(inner, f"{path}.{key}" if path else str(key))
