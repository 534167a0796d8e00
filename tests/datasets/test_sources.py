"""A name in a study file becomes a source, or a line that says why not."""

import pytest

from hpsearch.datasets import find_source
from hpsearch.foundations.errors import MissingDataError, UsageError


def test_digits_need_no_folder(tmp_path):
    source = find_source("digits", folders=[], download_folder=tmp_path)
    assert source.name == "digits"
    assert source.load().checksum == source.checksum


def test_misspelt_name_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(UsageError) as caught:
        find_source("cifar-10", folders=[], download_folder=tmp_path)
    message = str(caught.value)
    assert "did you mean 'cifar10'" in message
    assert "\n" not in message


def test_name_like_no_other_is_answered_with_all(tmp_path):
    with pytest.raises(UsageError, match="there is no 'x'; known are digits, cifar10"):
        find_source("x", folders=[], download_folder=tmp_path)


def test_cifar10_is_found_in_the_folders(fake_cifar10, tmp_path):
    folder = fake_cifar10.write_pickled(tmp_path / "mine" / "cifar-10-batches-py")
    source = find_source(
        "cifar10", folders=[tmp_path / "mine"], download_folder=tmp_path, allow_download=False
    )
    assert source.name == "cifar10"
    assert str(source.folder) == str(folder)


@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist"])
def test_missing_data_is_a_missing_data_error(tmp_path, name):
    with pytest.raises(MissingDataError, match=f"^{name}: not in"):
        find_source(name, folders=[], download_folder=tmp_path, allow_download=False)


def test_unreachable_folder_is_a_missing_data_error(tmp_path):
    endless = tmp_path / ("x" * 300)
    with pytest.raises(MissingDataError, match="cifar10"):
        find_source("cifar10", folders=[endless], download_folder=tmp_path, allow_download=False)
