"""A study file to begin from: whole, commented, and it runs as it is."""

import json

from hpsearch.data import FolderContents, suggest_sizes
from hpsearch.errors import UsageError

__all__ = ["OWN_SIZE", "SCHEMA_FILE", "write_template"]

SCHEMA_FILE = "study.schema.json"
# Height and width that own images are brought to, before it is known what they need.
OWN_SIZE = 32

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


def write_template(source: str, own: FolderContents | None) -> str:
    """The text of a study file on `source`.

    Parameters
    ----------
    source : str
        As in a study file.
    own : FolderContents or None
        The own images, of the source ``folder``.

    Raises
    ------
    UsageError
        If there are too few images.
    """
    if own is not None:
        data, n_train, description = _describe_own(own)
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


def _describe_own(own: FolderContents) -> tuple[str, int, str]:
    """The data table for own images: all that are for the test, of the others 80 : 20."""
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
        f"test = {n_test}   # evaluated once, at the end; if fewer, the others are left unused\n"
    )
    return data, n_train, "A first search on own images."
