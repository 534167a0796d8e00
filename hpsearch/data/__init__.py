"""Data sets: found, downloaded, verified, prepared once, and memory-mapped by every worker.

::

    find_source -> Source.load -> Dataset -> prepare -> PreparedData -> open_splits -> Splits

`prepare` writes the test split into `TEST_FILE`, which nothing in this package opens.
"""

from hpsearch.data.basis import Basis, Frequencies, PrincipalComponents
from hpsearch.data.dataset import Dataset, Source
from hpsearch.data.elsewhere import find_on_this_machine
from hpsearch.data.folder_contents import FolderContents, Remark
from hpsearch.data.frequencies import WaveProjection
from hpsearch.data.image_folder import FolderSettings, ImageFolder, find_image_folder
from hpsearch.data.notebook import get_CIFAR10_data, load_CIFAR10
from hpsearch.data.preparation import NO_PREPARATION, Preparation, prepare
from hpsearch.data.prepared import TEST_FILE, PreparedData, load_prepared, read_manifest
from hpsearch.data.preprocessing import Contrast, InputSettings, Preprocessing
from hpsearch.data.scaling import Scaling, TargetScale, load_scaling
from hpsearch.data.schema import Column, Schema, load_schema
from hpsearch.data.selection import assign_folds, select
from hpsearch.data.sources import SOURCE_NAMES, find_source
from hpsearch.data.split_spec import SplitSpec
from hpsearch.data.splits import Splits, open_folds, open_splits, open_validation
from hpsearch.data.splitting import order_items, suggest_sizes, take
from hpsearch.data.table_summary import describe_table
from hpsearch.data.tabular import TabularDataset, decode_features, encode_features
from hpsearch.data.tabular_source import TabularSettings, find_tabular_source

__all__ = [
    "NO_PREPARATION",
    "SOURCE_NAMES",
    "TEST_FILE",
    "Basis",
    "Column",
    "Contrast",
    "Dataset",
    "FolderContents",
    "FolderSettings",
    "Frequencies",
    "ImageFolder",
    "InputSettings",
    "Preparation",
    "PreparedData",
    "Preprocessing",
    "PrincipalComponents",
    "Remark",
    "Scaling",
    "Schema",
    "Source",
    "SplitSpec",
    "Splits",
    "TabularDataset",
    "TabularSettings",
    "TargetScale",
    "WaveProjection",
    "assign_folds",
    "decode_features",
    "describe_table",
    "encode_features",
    "find_image_folder",
    "find_on_this_machine",
    "find_source",
    "find_tabular_source",
    "get_CIFAR10_data",
    "load_CIFAR10",
    "load_prepared",
    "load_scaling",
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
