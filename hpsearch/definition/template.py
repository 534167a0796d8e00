"""A study file to begin from: whole, commented, and it runs as it is."""

import json
from collections import Counter
from pathlib import Path

from hpsearch.data import FolderSettings, find_image_folder
from hpsearch.errors import UsageError

__all__ = ["SCHEMA_FILE", "write_template"]

SCHEMA_FILE = "study.schema.json"
_OWN_SIZE = 32

_TEMPLATE = """\
#:schema ./{schema}
# Every key: docs/study_files.md. In an editor that reads the line above (such as VS Code with
# Even Better TOML) they are completed and checked as you type.
description = "{description}"
seed = 0      # root of all randomness: the same file gives the same nets
trials = 20   # may grow later: the first ones stay
lag = 8       # trial k knows the finished trials up to k - lag; two to four times the workers

[data]
{data}
[training]
batch_size = {batch_size}
initial_std = {initial_std}   # standard deviation of the first weights

[search]
sampler = "tpe"   # learns which regions are good; or random, qmc, grid
pruner = {{ name = "median", n_warmup_epochs = 3 }}   # ends hopeless trials early; or "none"

# What is searched: a range, {{ choices = [...] }}, or one fixed value for each.
[search.space]
learning_rate = {learning_rate}
learning_rate_decay = 0.95
reg = {{ low = 1e-5, high = 1e-2, log = true }}
hidden_size = {{ low = 16, high = 128, log = true }}
epochs = {{ low = 10, high = 30 }}
# For colour images and longer searches: mirror, max_shift, dropout, optimizer = "nesterov" ...

# Train the best again on fresh seeds, before the test split is opened:
# [confirm]
# top = 3
# seeds = 2
"""

_PUBLISHED = {
    "digits": (1197, 300),
    "cifar10": (49000, 1000),
    "fashion_mnist": (55000, 5000),
}


def write_template(source: str, images: Path | None) -> str:
    """The text of a study file on `source`.

    Parameters
    ----------
    source : str
        As in a study file.
    images : Path or None
        The folder of own images, of the source ``folder``.

    Raises
    ------
    UsageError
        If `source` and `images` do not go together, or there are too few images.
    DataError
        If `images` is no folder of class sub-folders.
    """
    if (source == "folder") != (images is not None):
        raise UsageError("--source folder and --images DIR: expected both or neither")
    if images is not None:
        data, n_train, description = _describe_own(images)
    else:
        n_train, n_validation = _PUBLISHED[source]
        description = f"A first search on {source}."
        data = (
            f'source = "{source}"\n'
            f"train = {n_train}        # the first so many images\n"
            f"validation = {n_validation}    # the next so many; settings are judged by these\n"
            "# test = 300        # the first so many test images; all of them if left out\n"
        )
    batch_size = min(n_train, 200, max(10, n_train // 20))
    # Digits are dim, 0 to 16; pixels up to 255 need smaller steps.
    is_dim = source == "digits"
    rates = "low = 1e-3, high = 0.3" if is_dim else "low = 1e-4, high = 3e-3"
    return _TEMPLATE.format(
        schema=SCHEMA_FILE,
        description=description,
        data=data,
        batch_size=batch_size,
        initial_std="0.01" if is_dim else "1e-3",
        learning_rate=f"{{ {rates}, log = true }}",
    )


def _describe_own(images: Path) -> tuple[str, int, str]:
    """The data table for own images, dealt 70 : 15 : 15."""
    own = find_image_folder(FolderSettings(images, (_OWN_SIZE, _OWN_SIZE), 1), ())
    n, place = len(own.pictures), own.settings.folder
    n_validation = n_test = n * 15 // 100
    if n_test < 1:
        raise UsageError(f"{place}: expected 7 images or more, found {n}")
    counts = Counter(own.class_names[picture.label] for picture in own.pictures)
    told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    n_train = n - n_validation - n_test
    data = (
        'source = "folder"\n'
        f"folder = {json.dumps(str(place), ensure_ascii=False)}   # a sub-folder for each class\n"
        f"image_size = [{_OWN_SIZE}, {_OWN_SIZE}]   # height, width of what the net is shown\n"
        f"# There are {' '.join(told.split())}.\n"
        f"train = {n_train}\n"
        f"validation = {n_validation}   # settings are judged by these\n"
        f"test = {n_test}   # kept apart, looked at once, at the end\n"
    )
    return data, n_train, "A first search on own images."
