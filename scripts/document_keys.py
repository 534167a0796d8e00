"""Write docs/study_keys.md: every key of a study file, from the classes that check them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from hpsearch.engine.definition import (
    ConfirmSettings,
    DataSettings,
    StudyDefinition,
    Table,
)
from hpsearch.engine.definition.data_settings import FoldSettings
from hpsearch.engine.definition.search_settings import (
    Cmaes,
    Gp,
    Hyperband,
    Median,
    Patient,
    Percentile,
    SuccessiveHalving,
    Tpe,
)
from hpsearch.engine.definition.search_space import DeclaredSpace, make_search_space
from hpsearch.engine.definition.study_definition import SearchSettings
from hpsearch.trainers.two_layer_net.trainer import (
    BasisSettings,
    TwoLayerNetSettings,
    TwoLayerNetTrainer,
)

PAGE = Path(__file__).parents[1] / "docs" / "study_keys.md"


def _find_space() -> type[DeclaredSpace]:
    space = make_search_space(TwoLayerNetTrainer)
    assert isinstance(space, type)
    return space


_TABLES: dict[str, type[Table]] = {
    "The study": StudyDefinition,
    "[data]": DataSettings,
    "[data] validation": FoldSettings,
    "[trainer]": TwoLayerNetSettings,
    "[trainer] basis": BasisSettings,
    "[search]": SearchSettings,
    "[search.space]": _find_space(),
    "[confirm]": ConfirmSettings,
    "Sampler tpe": Tpe,
    "Sampler gp": Gp,
    "Sampler cmaes": Cmaes,
    "Pruner median": Median,
    "Pruner percentile": Percentile,
    "Pruner successive_halving": SuccessiveHalving,
    "Pruner hyperband": Hyperband,
    "Pruner patient": Patient,
}
_HEAD = """# The keys of a study file

Written by `python scripts/document_keys.py` from the classes that check study files;
[study_files.md](study_files.md) explains how they go together. A *space* is a range
`{ low = 1, high = 9, log = true }`, a list `{ choices = [1, 2] }` or one value.

`[trainer]` and `[search.space]` have the keys of the two-layer net, the trainer of a study file
that names none. Another one is named by `name` or `class` in `[trainer]`, beside its own keys
([trainers.md](trainers.md)); `epochs` is a key of the space for every trainer.
"""


def render_page() -> str:
    """Render the page from the present classes."""
    return "\n".join((_HEAD, *(line for title in _TABLES for line in _render_table(title))))


def _render_table(title: str) -> Iterator[str]:
    table = _TABLES[title]
    yield f"## {title}\n"
    yield "| key | kind | if left out | what it means |\n| --- | --- | --- | --- |"
    for name, (kind, text) in table.describe_keys().items():
        is_stem = table is StudyDefinition and name == "name"
        field = table.model_fields[name]
        default = "the two-layer net" if field.default_factory else _show(field.default)
        default = "the file's stem" if is_stem else default
        yield f"| `{name}` | {_name_kind(kind)} | {default} | {_tidy(text)} |"
    yield ""


def _show(default: Any) -> str:
    if default is PydanticUndefined:
        return "must be given"
    if default is None or default in ("", ()):
        return ""
    if isinstance(default, Table):
        return f'`"{default.name}"`' if hasattr(default, "name") else "as below"
    return f'`"{default}"`' if isinstance(default, str) else f"`{default}`"


def _name_kind(kind: str) -> str:
    kind = kind.removesuffix(", optional")
    return "table" if kind.endswith(("Settings", "Space")) else kind


def _tidy(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render_page(), encoding="utf-8")
