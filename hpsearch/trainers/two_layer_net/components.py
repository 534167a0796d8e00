"""Principal component analysis (PCA) of the training images.

Gradient descent on a net with Gaussian initial weights is invariant to a rotation of its inputs.
Nearly all of the variance of images is in the first few hundred of their 3,072 principal
components; the others can be left out, and with them most of the arithmetic.
"""

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hpsearch.trainers.two_layer_net.basis import PrincipalComponents
from hpsearch.trainers.two_layer_net.preprocessing import Preprocessing

__all__ = ["fit_components", "fit_mean_image", "measure_variances", "project"]

# Evenly spaced training images to fit on. On CIFAR-10, 300 components fitted on this many keep
# 96.4 % of the variance of all 49,000; fitted on all of them 96.6 %, in five times the time.
N_FITTED = 10_000
_CHUNK = 5_000


def fit_components(
    images: NDArray[np.uint8], mean_image: NDArray[np.float64], wanted: PrincipalComponents
) -> NDArray[np.float32]:
    """Fit the principal components of `images`.

    Bit-identical on equal machines, whatever number of threads BLAS uses elsewhere.

    Parameters
    ----------
    images : uint8 array, shape (N, D)
        Training images.
    mean_image : float64 array, shape (D,)
        Their mean.
    wanted : PrincipalComponents
        Number of components, or the share of the variance to keep.

    Returns
    -------
    float32 array, shape (D, K)
        Orthonormal columns by descending variance, each with its largest entry positive.
    """
    # Slow to import, and only the process that prepares the data needs it.
    from scipy.linalg import eigh

    sample = _sample(images)
    with threadpool_limits(1):
        covariance = _covariance(sample, mean_image.astype(np.float32))
        n_pixels = len(covariance)
        count = wanted.count
        if count is None:
            count = _count_for(eigh(covariance, eigvals_only=True)[::-1], wanted.variance or 1.0)
        _, columns = eigh(covariance, subset_by_index=[n_pixels - count, n_pixels - 1])
    descending = columns[:, ::-1]
    largest = np.abs(descending).argmax(axis=0)
    signs = np.sign(descending[largest, np.arange(count)])
    return np.ascontiguousarray(descending * signs, dtype=np.float32)


def fit_mean_image(images: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.float64]:
    """Return the mean, shape (D,), of `images`, shape (N, D), after `preprocessing.centre`."""
    total = np.zeros(images.shape[1])
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK].astype(np.float32)
        total += preprocessing.centre(chunk).sum(axis=0, dtype=np.float64)
    return total / len(images)


def measure_variances(
    images: NDArray[np.uint8], preprocessing: Preprocessing
) -> NDArray[np.float32]:
    """Measure the variance along each component, in mean variances of a pixel.

    Parameters
    ----------
    images : uint8 array, shape (N, D)
        Training images; the sample that components are fitted on is measured.
    preprocessing : Preprocessing
        With components.

    Returns
    -------
    float32 array, shape (K,)
        Bit-identical on equal machines.
    """
    sample, n_pixels = _sample(images), images.shape[1]
    along, total = np.zeros(preprocessing.n_inputs), 0.0
    with threadpool_limits(1):
        for start in range(0, len(sample), _CHUNK):
            centred = preprocessing.centre(sample[start : start + _CHUNK].astype(np.float32))
            total += float(np.sum(np.square(centred), dtype=np.float64))
            inputs = preprocessing.project(centred)
            along += np.sum(np.square(inputs), axis=0, dtype=np.float64)
    return (along / (total / n_pixels or 1.0)).astype(np.float32)


def project(
    images: NDArray[np.uint8], mean_image: NDArray[np.float64], components: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the coordinates of centred `images`, (N, D), along `components`: shape (N, K)."""
    mean = mean_image.astype(np.float32)
    projected = np.empty((len(images), components.shape[1]), np.float32)
    with threadpool_limits(1):
        for start in range(0, len(images), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            centred = np.subtract(images[chunk], mean, dtype=np.float32)
            np.matmul(centred, components, out=projected[chunk])
    return projected


def _sample(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return images[:: max(1, len(images) // N_FITTED)]


def _covariance(images: NDArray[np.uint8], mean: NDArray[np.float32]) -> NDArray[np.float32]:
    covariance = np.zeros((images.shape[1], images.shape[1]), np.float32)
    for start in range(0, len(images), _CHUNK):
        centred = np.subtract(images[start : start + _CHUNK], mean, dtype=np.float32)
        # NumPy computes a product with its own transpose by BLAS syrk, at half the cost.
        covariance += centred.T @ centred
    return covariance / np.float32(len(images))


def _count_for(variances: NDArray[np.float32], share: float) -> int:
    """Count the largest `variances` that are needed for `share` of their sum."""
    shares = np.cumsum(variances, dtype=np.float64) / np.sum(variances, dtype=np.float64)
    return min(int(np.searchsorted(shares, share)) + 1, len(shares))
