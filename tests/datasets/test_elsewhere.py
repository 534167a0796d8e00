"""Data prepared again on a machine that does not see the coordinator's folder."""

import dataclasses
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hpsearch.datasets import Preparation, SplitSpec, find_on_this_machine, find_source, prepare
from hpsearch.datasets.prepared import seal
from hpsearch.foundations.errors import DamagedDataError
from hpsearch.trainers.two_layer_net.basis import Frequencies, PrincipalComponents
from tests.conftest import PIXELS, TWO_LAYER_NET
from tests.datasets.conftest import MEAN


@pytest.mark.parametrize("shuffle_seed", [None, 1])
@pytest.mark.parametrize(
    "plan",
    [
        PIXELS,
        PIXELS | {"basis": asdict(PrincipalComponents(count=9))},
        PIXELS | {"basis": asdict(Frequencies(9))},
        PIXELS | {"is_augmentable": True},
        {},
    ],
    ids=["pixels", "components", "frequencies", "augmentable", "nothing"],
)
def test_data_is_prepared_elsewhere_by_the_same_specification_and_plan(
    plan: dict[str, Any],
    shuffle_seed: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = find_source("digits", folders=[], download_folder=tmp_path)
    spec, preparation = SplitSpec(600, 150, 100, shuffle_seed), TWO_LAYER_NET.preparation(plan)
    data = prepare(source, spec, tmp_path / "data", preparation)
    shutil.rmtree(data.folder)
    elsewhere = dataclasses.replace(data, folder=tmp_path / "gone")
    here = find_on_this_machine(elsewhere, [], preparation)
    here.verify()
    assert dataclasses.replace(here, folder=data.folder) == data


def test_data_of_another_preparation_elsewhere_is_refused_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = find_source("digits", folders=[], download_folder=tmp_path)
    data = prepare(source, SplitSpec(600, 150, 100), tmp_path / "data", MEAN)
    elsewhere = dataclasses.replace(data, folder=tmp_path / "gone")
    other = Preparation({"plan": "another mean"}, MEAN.derive)
    with pytest.raises(DamagedDataError, match="holds other data"):
        find_on_this_machine(elsewhere, [], other)
    assert not list((tmp_path / "cache").rglob("*.npy"))


def test_data_with_other_rounding_elsewhere_is_refused_until_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its nets would not be those of the coordinator's, which could not rebuild them either."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = find_source("digits", folders=[], download_folder=tmp_path)
    data = prepare(source, SplitSpec(600, 150, 100), tmp_path / "data", MEAN)
    contents = data.contents | {"derived_mean.npy": "other"}
    versions = data.versions | {"blas": "openblas 0.1"}
    wanted = dataclasses.replace(
        data, contents=contents, versions=versions, folder=tmp_path / "gone"
    )
    refusal = (
        r"digits-.*: prepared on this machine, derived_mean.npy differ.* \(BLAS openblas 0.1 -> "
    )
    for _ in range(2):
        with pytest.raises(DamagedDataError, match=refusal):
            find_on_this_machine(wanted, [], MEAN)
    # As the message says: the coordinator's folder, here one with a manifest of those contents.
    here = tmp_path / "cache" / "hpsearch" / f"digits-{data.checksum[:12]}"
    shutil.copytree(data.folder, here, dirs_exist_ok=True)
    manifest = json.loads((here / "manifest.json").read_text())
    del manifest["manifest_sha256"]
    manifest["files"]["derived_mean.npy"] = "other"
    (here / "manifest.json").write_text(json.dumps(seal(manifest)))
    assert find_on_this_machine(wanted, [], MEAN).folder == here
