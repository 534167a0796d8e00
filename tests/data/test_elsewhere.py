"""Data prepared again on a machine that does not see the coordinator's folder."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hpsearch.data import (
    Frequencies,
    PrincipalComponents,
    SplitSpec,
    find_on_this_machine,
    find_source,
    prepare,
)
from hpsearch.data.prepared import seal
from hpsearch.errors import DamagedDataError


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
def test_data_is_prepared_elsewhere_by_the_same_specification(
    wanted: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = find_source("digits", folders=[], download_folder=tmp_path)
    sizes = {"n_train": 600, "n_validation": 150, "n_test": 100}
    data = prepare(source, SplitSpec(**sizes, **wanted), tmp_path / "data")
    shutil.rmtree(data.folder)
    here = find_on_this_machine(dataclasses.replace(data, folder=tmp_path / "gone"), [])
    here.verify()
    assert dataclasses.replace(here, folder=data.folder) == data


def test_data_with_other_rounding_elsewhere_is_refused_until_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its nets would not be those of the coordinator's, which could not rebuild them either."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = find_source("digits", folders=[], download_folder=tmp_path)
    split_spec = SplitSpec(
        n_train=600, n_validation=150, n_test=100, basis=PrincipalComponents(count=9)
    )
    data = prepare(source, split_spec, tmp_path / "data")
    contents = data.contents | {"components.npy": "other"}
    versions = data.versions | {"blas": "openblas 0.1"}
    wanted = dataclasses.replace(
        data, contents=contents, versions=versions, folder=tmp_path / "gone"
    )
    refusal = (
        r"digits-.*: prepared on this machine, components.npy differ.* \(BLAS openblas 0.1 -> "
    )
    for _ in range(2):
        with pytest.raises(DamagedDataError, match=refusal):
            find_on_this_machine(wanted, [])
    # As the message says: the coordinator's folder, here one with a manifest of those contents.
    here = tmp_path / "cache" / "hpsearch" / f"digits-{data.checksum[:12]}"
    shutil.copytree(data.folder, here, dirs_exist_ok=True)
    manifest = json.loads((here / "manifest.json").read_text())
    del manifest["manifest_sha256"]
    manifest["files"]["components.npy"] = "other"
    (here / "manifest.json").write_text(json.dumps(seal(manifest)))
    assert find_on_this_machine(wanted, []).folder == here
