from pathlib import Path

import pytest

from hpsearch.foundations.environment_variables import Environment


def test_unset_and_empty_variables_give_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORKSPACE", "DATA_DIR", "STORAGE", "DEVICE"):
        monkeypatch.delenv(f"HPSEARCH_{name}", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("HPSEARCH_BACKEND", "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert Environment.read() == Environment(
        Path("workspace"), None, None, "loky", None, "cpu", None
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # for CUDA that is none of the GPUs
    assert Environment.read().cuda_devices == ""


def test_each_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORKSPACE", "DATA_DIR", "STORAGE", "BACKEND", "DEVICE"):
        monkeypatch.setenv(f"HPSEARCH_{name}", name.lower())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///a.db")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    assert Environment.read() == Environment(
        Path("workspace"), Path("data_dir"), "storage", "backend", "sqlite:///a.db", "device", "4,5"
    )
    monkeypatch.setenv("HPSEARCH_WORKSPACE", "elsewhere")
    assert Environment.read().workspace == Path("elsewhere")
