"""Principal components: orthonormal, ordered, and those of the training images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from threadpoolctl import threadpool_limits

from hpsearch.trainers.two_layer_net.basis import PrincipalComponents
from hpsearch.trainers.two_layer_net.components import fit_components, project


@pytest.fixture(scope="module")
def images():
    """Three hundred images whose pixels depend on six numbers, and on noise."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((300, 6)) * [40, 30, 20, 15, 10, 8]
    mixing = np.linalg.qr(rng.standard_normal((48, 6)))[0]
    noisy = 128 + hidden @ mixing.T + rng.standard_normal((300, 48))
    return noisy.round().clip(0, 255).astype(np.uint8)


def test_components_are_those_of_an_exact_decomposition(images):
    mean = images.mean(axis=0)
    components = fit_components(images, mean, PrincipalComponents(count=6))
    exact = np.linalg.svd(images - mean, full_matrices=False)[2][:6].T
    np.testing.assert_allclose(np.abs(np.sum(components * exact, axis=0)), 1, atol=1e-4)
    assert components.dtype == np.float32


@settings(max_examples=30, deadline=None)
@given(
    images=hnp.arrays(np.uint8, st.tuples(st.integers(2, 40), st.integers(2, 12))),
    data=st.data(),
)
def test_columns_are_orthonormal_strongest_first_and_of_known_sign(images, data):
    count = data.draw(st.integers(1, images.shape[1]))
    mean = images.mean(axis=0)
    components = fit_components(images, mean, PrincipalComponents(count=count))
    assert components.shape == (images.shape[1], count)
    np.testing.assert_allclose(components.T @ components, np.eye(count), atol=1e-4)
    variances = np.var((images - mean) @ components, axis=0)
    assert np.all(np.diff(variances) <= 1e-3 * max(1.0, variances.max()))
    largest = np.abs(components).argmax(axis=0)
    assert np.all(components[largest, np.arange(count)] > 0)


@pytest.mark.parametrize("variance", [0.5, 0.9, 0.97, 0.999])
def test_a_share_of_the_variance_takes_as_many_as_it_needs_and_no_more(images, variance):
    mean = images.mean(axis=0)
    components = fit_components(images, mean, PrincipalComponents(variance=variance))
    total = np.var(images, axis=0).sum()
    kept = np.var((images - mean) @ components, axis=0)
    assert kept.sum() >= variance * total * (1 - 1e-5)
    assert kept[:-1].sum() < variance * total


def test_threads_do_not_change_the_bits(images):
    mean = images.mean(axis=0)
    fitted = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            fitted.append(fit_components(images, mean, PrincipalComponents(count=20)))
    np.testing.assert_array_equal(*fitted)


def test_projection_goes_chunk_by_chunk_to_the_same_coordinates(images, monkeypatch):
    mean = images.mean(axis=0)
    components = fit_components(images, mean, PrincipalComponents(count=6))
    expected = (images - mean) @ components
    np.testing.assert_allclose(project(images, mean, components), expected, atol=1e-2)
    monkeypatch.setattr("hpsearch.trainers.two_layer_net.components._CHUNK", 7)
    np.testing.assert_allclose(project(images, mean, components), expected, atol=1e-2)


def test_only_evenly_spaced_images_are_fitted_on_when_there_are_many(images, monkeypatch):
    monkeypatch.setattr("hpsearch.trainers.two_layer_net.components.N_FITTED", 100)
    mean = images.mean(axis=0)
    spoilt = images.copy()
    spoilt[1::3], spoilt[2::3] = 0, 255
    wanted = PrincipalComponents(count=6)
    np.testing.assert_array_equal(
        fit_components(images, mean, wanted), fit_components(spoilt, mean, wanted)
    )
