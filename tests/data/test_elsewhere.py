"""Data prepared again on a machine that does not see the coordinator's folder."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from hpsearch.data import (
    Cut,
    Frequencies,
    PrincipalComponents,
    find_on_this_machine,
    find_source,
    prepare,
)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"basis": PrincipalComponents(count=9)},
        {"basis": Frequencies(9)},
        {"is_augmentable": True},
        {"shuffle_seed": 1},
    ],
    ids=lambda wanted: "".join(wanted) or "plain",
)
def test_whatever_was_asked_for_is_prepared_there_too(
    wanted: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = find_source("digits", folders=[], download_folder=tmp_path)
    sizes = {"n_train": 600, "n_validation": 150, "n_test": 100}
    data = prepare(source, Cut(**sizes, **wanted), tmp_path / "data")
    shutil.rmtree(data.folder)
    here = find_on_this_machine(dataclasses.replace(data, folder=tmp_path / "gone"), [])
    here.verify()
    assert dataclasses.replace(here, folder=data.folder) == data
