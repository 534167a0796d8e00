"""What other packages may import, and what importing must not load."""

import subprocess
import sys

import hpsearch.datasets


def test_public_names_are_these():
    assert hpsearch.datasets.__all__ == [
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
    assert all(hasattr(hpsearch.datasets, name) for name in hpsearch.datasets.__all__)


def test_workers_stay_small():
    """A worker opens a split; it needs no scikit-learn, no HTTP and no progress bars."""
    code = "import sys, hpsearch.datasets; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"sklearn", "pooch", "requests", "rich", "optuna", "mlflow", "joblib"}
    assert not any(name.startswith("scipy") for name in loaded)
