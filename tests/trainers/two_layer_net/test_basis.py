import dataclasses
import json

import pytest

from hpsearch.trainers.two_layer_net.basis import Frequencies, PrincipalComponents, load_basis


@pytest.mark.parametrize(
    "basis", [PrincipalComponents(count=3), PrincipalComponents(variance=0.9), Frequencies(3)]
)
def test_a_basis_survives_a_round_trip(basis):
    assert load_basis(json.loads(json.dumps(dataclasses.asdict(basis)))) == basis


def test_no_basis_is_read_as_none():
    assert load_basis(None) is None


def test_an_invalid_description_of_a_basis_is_refused():
    with pytest.raises(TypeError):
        load_basis({"count": 3, "wavelets": True})
