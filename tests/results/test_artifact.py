import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.errors import DamagedDataError, DataError, MissingDataError, StoreError
from hpsearch.results import Net, export_net, load_net

FILES = ["net.safetensors", "manifest.json"]
slow_fixtures = [HealthCheck.function_scoped_fixture]


def test_a_net_comes_back_as_it_was(net: Net, tmp_path: Path) -> None:
    export_net(net, tmp_path / "out")
    loaded = load_net(tmp_path / "out")
    assert loaded.sha256() == net.sha256()
    assert loaded.facts == net.facts
    assert (loaded.image_shape, loaded.class_names) == (net.image_shape, net.class_names)


def test_the_readme_shows_how_to_use_it(net: Net, tmp_path: Path) -> None:
    export_net(net, tmp_path / "out")
    readme = (tmp_path / "out" / "README.md").read_text()
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), np.uint8)
    code = readme.split("alone:\n\n")[1]
    code = "\n".join(line.removeprefix("    ") for line in code.splitlines())
    code = code.replace('"net.safetensors"', repr(str(tmp_path / "out" / "net.safetensors")))
    scope: dict[str, object] = {"images": images}
    exec(code, scope)
    assert np.array_equal(np.asarray(scope["classes"]), net.predict(images))


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=slow_fixtures)
def test_a_damaged_folder_is_refused(
    name: str, data: st.DataObject, net: Net, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    shutil.rmtree(folder, ignore_errors=True)
    export_net(net, folder)
    content = bytearray((folder / name).read_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (folder / name).write_bytes(content)
    try:
        loaded = load_net(folder)
    except DataError as error:
        message = str(error)
    else:
        # Facts for people, such as the accuracy, are not under the hash; the net is.
        message = ""
        assert loaded.sha256() == net.sha256()
    assert "\n" not in message


@pytest.mark.parametrize("name", FILES)
def test_an_unfinished_folder_is_missing_its_net(name: str, net: Net, tmp_path: Path) -> None:
    export_net(net, tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(MissingDataError, match="expected a folder with"):
        load_net(tmp_path)


def test_another_net_than_the_manifests_is_refused(net: Net, tmp_path: Path) -> None:
    export_net(net, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["net_sha256"] = "0" * 64
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DamagedDataError, match="expected the net 0000"):
        load_net(tmp_path)


def test_a_folder_that_cannot_be_created_is_reported(net: Net, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        export_net(net, tmp_path / "file" / "out")
