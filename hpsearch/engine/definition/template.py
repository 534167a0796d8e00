"""Template of a study file, complete, commented and runnable; JSON schema for editors."""

import json
from typing import Any

from hpsearch.datasets import (
    FolderContents,
    TabularDataset,
    TabularSettings,
    order_items,
    suggest_sizes,
    take,
)
from hpsearch.engine.definition.search_space import make_search_space
from hpsearch.engine.definition.space_template import describe_space
from hpsearch.engine.definition.study_definition import StudyDefinition
from hpsearch.engine.definition.trainer_settings import TrainerSettings
from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.metrics import metric_of
from hpsearch.trainers.finding import TRAINERS, TrainerSpec

__all__ = ["OWN_SIZE", "SCHEMA_FILE", "make_schema", "write_template"]

SCHEMA_FILE = "study.schema.json"
# Height and width that own images are resized to by default.
OWN_SIZE = 32

_TEMPLATE = """\
#:schema ./{schema}
# Every key: docs/study_files.md. In an editor that reads the line above (such as VS Code with
# Even Better TOML) they are completed and checked as you type.
description = "{description}"
seed = 0      # root of all randomness: the same file gives the same nets
trials = 20   # may grow later: the first ones stay
lag = 8       # trial k knows the finished trials up to k - lag; two to four times the workers

{trainer}[data]
{data}
[search]
sampler = "tpe"   # learns which regions are good; or random, qmc, grid
pruner = {{ name = "median", n_warmup_epochs = 3 }}   # ends hopeless trials early; or "none"

# What is searched: a range, {{ choices = [...] }}, or one fixed value for each.
[search.space]
{space}
# Train the best again on fresh seeds, before the test split is opened:
# [confirm]
# top = 3
# seeds = 2
"""

_TWO_LAYER_NET = """\
learning_rate = {learning_rate}
learning_rate_decay = 0.95
reg = {{ low = 1e-5, high = 1e-2, log = true }}
hidden_size = {{ low = 16, high = 128, log = true }}
epochs = {{ low = 10, high = 30 }}
batch_size = {batch_size}
initial_std = {initial_std}   # standard deviation of the initial weights
{hint}"""

_IMAGE_HINT = """\
# For colour images and longer searches: horizontal_flip, max_shift, dropout, schedule = "cosine"
"""

_PUBLISHED = {
    "digits": (1197, 300),
    "cifar10": (49000, 1000),
    "fashion_mnist": (55000, 5000),
}

_REF = "#/$defs/{model}"


def write_template(
    source: str,
    own: FolderContents | TabularDataset | None = None,
    settings: TabularSettings | None = None,
    trainer: TrainerSpec | None = None,
) -> str:
    """Return the text of a study file for `source`.

    Parameters
    ----------
    source : str
        As in a study file.
    own : FolderContents or TabularDataset or None
        The images or rows, for a source of own data.
    settings : TabularSettings, optional
        Settings of own rows.
    trainer : TrainerSpec, optional
        A trainer of one's own; the two-layer net without one.

    Raises
    ------
    UsageError
        If there are too few images or rows, or the trainer cannot be imported.
    """
    if isinstance(own, TabularDataset) and settings:
        data, n_train, description = _describe_rows(own, settings)
    elif isinstance(own, FolderContents):
        data, n_train, description = _describe_images(own)
    else:
        n_train, n_validation = _PUBLISHED[source]
        description = f"A first search on {source}."
        data = (
            f'source = "{source}"\n'
            f"train = {n_train}        # the first so many images\n"
            f"validation = {n_validation}    # the next so many; settings are judged by these\n"
            "# test = 300        # the first so many test images; all of them if left out\n"
        )
    return _TEMPLATE.format(
        schema=SCHEMA_FILE,
        description=description,
        data=data,
        trainer=f'[trainer]\nclass = "{trainer.path}"\n\n' if trainer else "",
        space=(
            describe_space(trainer.find_class())
            if trainer
            else _describe_two_layer_net(source, n_train, settings)
        ),
    )


def _describe_two_layer_net(source: str, n_train: int, settings: TabularSettings | None) -> str:
    batch_size = min(n_train, 200, max(10, n_train // 20))
    # Small inputs (standardised columns, digits from 0 to 16) allow larger learning rates and
    # initial weights than pixels of up to 255.
    has_small_inputs = source == "digits" or settings is not None
    rates = "low = 1e-3, high = 0.3" if has_small_inputs else "low = 1e-4, high = 3e-3"
    return _TWO_LAYER_NET.format(
        batch_size=batch_size,
        initial_std="0.1" if settings else "0.01" if has_small_inputs else "1e-3",
        hint="" if settings else _IMAGE_HINT,
        learning_rate=f"{{ {rates}, log = true }}",
    )


def _describe_rows(own: TabularDataset, settings: TabularSettings) -> tuple[str, int, str]:
    """Describe own rows: data table, number of training rows and a description of the study."""
    order = order_items(own.units, None)
    n_validation = len(order) // 5
    _, train = take(own.units, order, (n_validation, len(order)))
    n_train, n_test = len(train), len(own.test)
    if not (n_train and n_validation and n_test):
        raise UsageError(
            f"{own.source}: expected more rows, found {len(own.rows) + n_test}, of which {n_train}"
            f" to train, {n_validation} to validate and {n_test} to test on"
        )
    given = {
        "load" if own.name == "python" else "path": settings.place,
        "target": settings.target,
        "ignore": list(settings.ignore) or None,
        "group": settings.group,
    }
    keys = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in given.items()
        if value is not None
    ]
    metric = metric_of(settings.task)
    data = "\n".join(
        [
            f'source = "{own.name}"',
            *keys,
            f'task = "{settings.task}"   # judged by {metric.name}',
            f"train = {n_train}",
            f"validation = {n_validation}   # settings are judged by these",
            "# validation = { folds = 5 }   # for few rows: cross-validation, and no train",
            f"test = {n_test}   # evaluated once, at the end; if fewer, the others are left unused",
            "",
        ]
    )
    return data, n_train, f"A first search for {own.schema.target}."


def _describe_images(own: FolderContents) -> tuple[str, int, str]:
    """Describe own images: data table, number of training images and a description."""
    n_train, n_validation = suggest_sizes(own.sides, own.labels)
    n_test = len(own.sides.test)
    if not (n_train and n_validation and n_test):
        raise UsageError(
            f"{own.folder}: expected more images, found {len(own.pictures)}, of which {n_train} to"
            f" train, {n_validation} to validate and {n_test} to test on"
        )
    try:
        place = json.dumps(str(own.folder), ensure_ascii=False)
        place.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{own.folder}: expected the path of a folder in UTF-8; rename it"
        ) from None
    data = (
        'source = "folder"\n'
        f"folder = {place}   # a sub-folder for each class\n"
        f"image_size = [{OWN_SIZE}, {OWN_SIZE}]   # height, width of what the net is shown\n"
        '# group = "folder"   # images of one sub-folder of a class stay in one split\n'
        f"train = {n_train}\n"
        f"validation = {n_validation}   # settings are judged by these\n"
        "# validation = { folds = 5 }   # for few images: cross-validation, and no train\n"
        f"test = {n_test}   # evaluated once, at the end; if fewer, the others are left unused\n"
    )
    return data, n_train, "A first search on own images."


def make_schema() -> dict[str, Any]:
    """Make the JSON schema of a study file: keys, descriptions and allowed values.

    Hyperparameters and settings are those of the trainer that a study file has if it names none;
    any others are allowed, as other trainers have their own.
    """
    schema = StudyDefinition.model_json_schema(ref_template=_REF)
    schema["required"].remove("name")  # the file's stem, if left out
    definitions = schema["$defs"]
    trainer = TrainerSettings.default().load()
    declared = make_search_space(trainer).json_schema(_REF)
    definitions |= declared.pop("$defs", {})
    own = trainer.Settings.model_json_schema(ref_template=_REF) if trainer.Settings else {}
    definitions |= own.pop("$defs", {})
    definitions["SearchSpace"] = {
        **declared,
        "additionalProperties": definitions["SearchSpace"]["additionalProperties"],
    }
    definitions["TrainerSettings"] = {
        "title": "TrainerSettings",
        "description": definitions["TrainerSettings"]["description"],
        "type": "object",
        "properties": {
            "name": {"description": "A trainer of hpsearch.", "enum": list(TRAINERS)},
            "class": {
                "description": "A trainer of one's own, `module:Class`, imported from the study "
                "file's folder.",
                "type": "string",
            },
            **own.get("properties", {}),
        },
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
