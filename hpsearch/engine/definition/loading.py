"""Find and load study files, with errors of one line."""

import contextlib
import tomllib
from pathlib import Path

from pydantic import ValidationError

from hpsearch.engine.definition.study import StudyDefinition
from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.tables import reword_error
from hpsearch.foundations.wording import suggest

__all__ = ["find_study_file", "list_study_files", "load_definition", "parse_definition"]

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
        raise UsageError(f"{path}: {_describe(error)}") from error
    definition.check(f"{path}: ")
    return definition


def _describe(error: ValidationError) -> str:
    first, *others = error.errors(include_url=False)
    key = ".".join(str(part) for part in first["loc"] if part not in _TAGS)
    message = reword_error(first)
    more = f" (and {len(others)} more)" if others else ""
    return f"{key or 'the study'}: {message}{more}"
