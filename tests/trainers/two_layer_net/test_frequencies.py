"""Spatial frequencies: orthonormal, strongest first, and the same by either product."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.fft import dctn
from threadpoolctl import threadpool_limits

from hpsearch.trainers.two_layer_net.basis import Frequencies, PrincipalComponents
from hpsearch.trainers.two_layer_net.components import fit_components, project
from hpsearch.trainers.two_layer_net.frequencies import choose_frequencies

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 2, 3]))


@st.composite
def some_images(draw):
    """Images, their shape, and how many of their frequencies to keep."""
    shape = draw(SHAPES)
    n_pixels = int(np.prod(shape))
    images = draw(hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.just(n_pixels))))
    return images, shape, draw(st.integers(1, n_pixels))


@settings(max_examples=50, deadline=None)
@given(some_images())
def test_columns_are_orthonormal_and_strongest_first(case):
    images, shape, count = case
    waves, variances = choose_frequencies(images, images.mean(axis=0), shape, Frequencies(count))
    components = waves.make_components()
    assert components.shape == (images.shape[1], count)
    np.testing.assert_allclose(components.T @ components, np.eye(count), atol=1e-5)
    assert np.all(np.diff(variances) <= 0)
    assert variances.sum() <= images.shape[1] * (1 + 1e-5)


@settings(max_examples=50, deadline=None)
@given(some_images())
def test_two_small_products_equal_the_large_one(case):
    images, shape, count = case
    mean = images.mean(axis=0)
    waves, _ = choose_frequencies(images, mean, shape, Frequencies(count))
    expected = project(images, mean, waves.make_components())
    np.testing.assert_allclose(waves.project(images, mean), expected, rtol=1e-4, atol=5e-3)


@pytest.fixture(scope="module")
def photographs():
    """Smooth images, in whose colours brightness varies most."""
    rng = np.random.default_rng(0)
    steps = (
        rng.standard_normal((400, 8, 8, 3)) * [3, 3, 3] + rng.standard_normal((400, 8, 8, 1)) * 9
    )
    smooth = 128 + steps.cumsum(axis=1).cumsum(axis=2)
    return smooth.round().clip(0, 255).astype(np.uint8).reshape(400, -1)


def test_variances_are_those_of_the_coordinates_in_mean_variances_of_a_pixel(photographs):
    mean = photographs.mean(axis=0)
    waves, variances = choose_frequencies(photographs, mean, (8, 8, 3), Frequencies(192))
    of_a_pixel = np.var(photographs, axis=0).mean()
    expected = np.var(waves.project(photographs, mean), axis=0) / of_a_pixel
    np.testing.assert_allclose(variances, expected, rtol=1e-3)
    assert variances.mean() == pytest.approx(1)


def test_frequencies_keep_nearly_the_variance_of_as_many_principal_components(photographs):
    mean, centred = photographs.mean(axis=0), photographs - photographs.mean(axis=0)
    waves = choose_frequencies(photographs, mean, (8, 8, 3), Frequencies(20))[0].make_components()
    components = fit_components(photographs, mean, PrincipalComponents(count=20))
    kept = [np.square(centred @ columns).sum() for columns in (waves, components)]
    assert kept[0] > 0.95 * kept[1]


def test_for_grey_images_they_are_the_cosine_transform(photographs):
    grey, mean = photographs.reshape(400, 8, 8, 3)[..., 1].reshape(400, -1), np.zeros(64)
    waves, _ = choose_frequencies(grey, mean, (8, 8, 1), Frequencies(64))
    expected = dctn(grey.reshape(400, 8, 8), axes=(1, 2), norm="ortho")
    found = np.empty_like(expected)
    found[:, waves.down, waves.across] = waves.project(grey, mean)
    np.testing.assert_allclose(found, expected, atol=1e-2)


def test_the_strongest_of_photographs_is_their_brightness(photographs):
    mean = photographs.mean(axis=0)
    wave = choose_frequencies(photographs, mean, (8, 8, 3), Frequencies(1))[0].make_components()
    red, green, blue = wave.reshape(8, 8, 3).transpose(2, 0, 1)
    np.testing.assert_allclose(red, green, atol=1e-6)
    np.testing.assert_allclose(green, blue, atol=1e-6)


def test_images_are_transformed_chunk_by_chunk(photographs, monkeypatch):
    mean = photographs.mean(axis=0)
    waves, _ = choose_frequencies(photographs, mean, (8, 8, 3), Frequencies(20))
    expected = waves.project(photographs, mean)
    monkeypatch.setattr("hpsearch.trainers.two_layer_net.frequencies._CHUNK", 7)
    np.testing.assert_allclose(waves.project(photographs, mean), expected, atol=1e-2)


def test_only_evenly_spaced_images_are_measured_when_there_are_many(photographs, monkeypatch):
    monkeypatch.setattr("hpsearch.trainers.two_layer_net.frequencies._N_MEASURED", 100)
    mean, spoilt = photographs.mean(axis=0), photographs.copy()
    spoilt[1::4] = 255
    found, expected = (
        choose_frequencies(images, mean, (8, 8, 3), Frequencies(20))[1]
        for images in (spoilt, photographs)
    )
    np.testing.assert_array_equal(found, expected)


def test_threads_do_not_change_the_bits(photographs):
    mean, found = photographs.mean(axis=0), []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            waves, _ = choose_frequencies(photographs, mean, (8, 8, 3), Frequencies(50))
            found.append(waves.project(photographs, mean))
    np.testing.assert_array_equal(*found)


def test_images_that_are_all_the_same_have_no_variance():
    images = np.full((5, 12), 7, np.uint8)
    _, variances = choose_frequencies(images, images.mean(axis=0), (2, 2, 3), Frequencies(4))
    assert not variances.any()
