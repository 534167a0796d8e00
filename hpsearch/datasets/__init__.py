"""Data sets: found, downloaded, verified, prepared once, and memory-mapped by every worker.

::

    find_source -> Source.load -> Dataset -> prepare -> PreparedData -> open_splits -> Splits

`prepare` writes the test split into `TEST_FILE`, which nothing in this package opens.
"""

from hpsearch.datasets.dataset import NO_PREPARATION, Dataset, Preparation, Source
from hpsearch.datasets.elsewhere import find_on_this_machine
from hpsearch.datasets.folder_contents import FolderContents, Remark
from hpsearch.datasets.image_folder import FolderSettings, ImageFolder, find_image_folder
from hpsearch.datasets.mapped_splits import Splits, open_folds, open_splits, open_validation
from hpsearch.datasets.preparation import prepare
from hpsearch.datasets.prepared import TEST_FILE, PreparedData, load_prepared, read_manifest
from hpsearch.datasets.schema import Column, Schema, load_schema
from hpsearch.datasets.selecting import assign_folds, select
from hpsearch.datasets.sides import suggest_sizes
from hpsearch.datasets.sources import SOURCE_NAMES, find_source
from hpsearch.datasets.splitting import SplitSpec, order_items, take
from hpsearch.datasets.table_columns import decode_features, encode_features
from hpsearch.datasets.tabular import TabularDataset, describe_table
from hpsearch.datasets.tabular_source import TabularSettings, find_tabular_source

__all__ = [
    "NO_PREPARATION",
    "SOURCE_NAMES",
    "TEST_FILE",
    "Column",
    "Dataset",
    "FolderContents",
    "FolderSettings",
    "ImageFolder",
    "Preparation",
    "PreparedData",
    "Remark",
    "Schema",
    "Source",
    "SplitSpec",
    "Splits",
    "TabularDataset",
    "TabularSettings",
    "assign_folds",
    "decode_features",
    "describe_table",
    "encode_features",
    "find_image_folder",
    "find_on_this_machine",
    "find_source",
    "find_tabular_source",
    "load_prepared",
    "load_schema",
    "open_folds",
    "open_splits",
    "open_validation",
    "order_items",
    "prepare",
    "read_manifest",
    "select",
    "suggest_sizes",
    "take",
]
