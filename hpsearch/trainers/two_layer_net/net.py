"""The two-layer net: affine, ReLU, affine, softmax.

`X` holds N images of D numbers; the net has H hidden units and C classes. Parameters are a
plain dict: W1 (D, H), b1 (H,), W2 (H, C), b2 (C,). Everything works in the dtype it is given.
"""

import warnings
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = [
    "Parameters",
    "TwoLayerNet",
    "compute_scores",
    "loss_and_gradients",
    "make_parameters",
    "softmax_loss",
]

FloatArray: TypeAlias = NDArray[np.floating[Any]]
Parameters: TypeAlias = dict[str, NDArray[Any]]


def make_parameters(
    input_size: int,
    hidden_size: int,
    output_size: int,
    std: float,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> Parameters:
    """Draw Gaussian weights; biases are zero.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        D, H and C.
    std : float
        Standard deviation of the weights.
    rng : numpy.random.Generator
        Draws W1, then W2.
    dtype : dtype
        Of the arrays; the draws are float64 and rounded afterwards.
    """
    W1 = std * rng.standard_normal((input_size, hidden_size))
    W2 = std * rng.standard_normal((hidden_size, output_size))
    return {
        "W1": W1.astype(dtype),
        "b1": np.zeros(hidden_size, dtype),
        "W2": W2.astype(dtype),
        "b2": np.zeros(output_size, dtype),
    }


def compute_scores(params: Parameters, X: FloatArray) -> FloatArray:
    """Unnormalised class scores of `X` (N, D), shape (N, C)."""
    hidden = np.maximum(0, X @ params["W1"] + params["b1"])
    scores: FloatArray = hidden @ params["W2"] + params["b2"]
    return scores


def softmax_loss(scores: FloatArray, y: NDArray[np.integer[Any]]) -> tuple[float, FloatArray]:
    """Mean cross-entropy of `scores`, and its gradient.

    Parameters
    ----------
    scores : float array, shape (N, C)
        Unnormalised class scores, one row per image.
    y : int array, shape (N,)
        True class of each row, in [0, C).

    Returns
    -------
    loss : float
        Batch mean, in nats; a uniform guess gives log(C).
    dscores : float array, shape (N, C), dtype of `scores`
        Gradient of `loss`; each row sums to zero.

    Raises
    ------
    ValueError
        If `scores` and `y` differ in length.

    Notes
    -----
    Row maxima are subtracted first, so that exp cannot overflow.
    """
    if len(scores) != len(y):
        raise ValueError(f"y: expected {len(scores)} labels, one per row of scores, got {len(y)}")
    rows = np.arange(len(y))
    shifted = scores - scores.max(axis=1, keepdims=True)
    exps = np.exp(shifted)
    probabilities = exps / exps.sum(axis=1, keepdims=True)
    loss = np.mean(np.log(exps.sum(axis=1)) - shifted[rows, y])
    probabilities[rows, y] -= 1
    return float(loss), probabilities / len(y)


def loss_and_gradients(
    params: Parameters, X: FloatArray, y: NDArray[np.integer[Any]], reg: float
) -> tuple[float, Parameters]:
    """Regularized loss of the net on `X`, `y`, and its gradient for each parameter.

    Parameters
    ----------
    params : dict
        W1 (D, H), b1 (H,), W2 (H, C), b2 (C,).
    X : float array, shape (N, D)
        Images.
    y : int array, shape (N,)
        True classes, in [0, C).
    reg : float
        Weight of ``sum(W1**2) + sum(W2**2)``; no factor one half, as in the assignment.

    Returns
    -------
    loss : float
        In nats.
    gradients : dict
        Same keys and shapes as `params`.
    """
    W1, W2 = params["W1"], params["W2"]
    hidden = np.maximum(0, X @ W1 + params["b1"])
    data_loss, dscores = softmax_loss(hidden @ W2 + params["b2"], y)
    loss = data_loss + reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
    dhidden = dscores @ W2.T
    dhidden[hidden <= 0] = 0
    gradients = {
        "W1": X.T @ dhidden + 2 * reg * W1,
        "b1": dhidden.sum(axis=0),
        "W2": hidden.T @ dscores + 2 * reg * W2,
        "b2": dscores.sum(axis=0),
    }
    return float(loss), gradients


class TwoLayerNet:
    """The assignment's net, with the assignment's interface: float64, NumPy's global generator.

    Studies train with `hpsearch.trainers.two_layer_net` instead.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        D, H and C.
    std : float
        Standard deviation of the first weights.

    Attributes
    ----------
    params : dict of float64 arrays
        W1 (D, H), b1 (H,), W2 (H, C), b2 (C,).
    """

    def __init__(
        self, input_size: int, hidden_size: int, output_size: int, std: float = 1e-4
    ) -> None:
        # The notebook seeds NumPy's global generator; only draws from it reproduce its figures.
        draw = np.random.randn
        self.params: Parameters = {
            "W1": std * draw(input_size, hidden_size),
            "b1": np.zeros(hidden_size),
            "W2": std * draw(hidden_size, output_size),
            "b2": np.zeros(output_size),
        }

    def loss(
        self, X: FloatArray, y: NDArray[np.integer[Any]] | None = None, reg: float = 0.0
    ) -> Any:
        """Scores of `X` if `y` is left out, else the loss and its gradients.

        Parameters
        ----------
        X : float array, shape (N, D)
            Images.
        y : int array, shape (N,), optional
            True classes.
        reg : float
            Weight of the squared weights in the loss.

        Returns
        -------
        float array, shape (N, C); or (float, dict of float arrays)
            Scores; or loss and gradients, keyed like `params`.
        """
        if y is None:
            return compute_scores(self.params, X)
        return loss_and_gradients(self.params, X, y, reg)

    def predict(self, X: FloatArray) -> NDArray[np.int64]:
        """Predict the class of each row of `X`, that with the largest score: shape (N,)."""
        labels: NDArray[np.int64] = compute_scores(self.params, X).argmax(axis=1)
        return labels

    def train(
        self,
        X: FloatArray,
        y: NDArray[np.integer[Any]],
        X_val: FloatArray,
        y_val: NDArray[np.integer[Any]],
        learning_rate: float = 1e-3,
        learning_rate_decay: float = 0.95,
        reg: float = 5e-6,
        num_iters: int = 100,
        batch_size: int = 200,
        verbose: bool = False,
    ) -> dict[str, Any]:
        """Train by SGD on batches drawn with replacement from NumPy's global generator.

        Parameters
        ----------
        X, y : arrays, shapes (N, D) and (N,)
            Training images and classes.
        X_val, y_val : arrays, shapes (M, D) and (M,)
            Validation images and classes.
        learning_rate : float
            Step size in the first epoch.
        learning_rate_decay : float
            Factor applied to the learning rate after each epoch.
        reg : float
            Weight of the squared weights in the loss.
        num_iters : int
            Steps to take.
        batch_size : int
            Images per step.
        verbose : bool
            Whether to print the loss every hundred iterations.

        Returns
        -------
        dict
            ``loss_history`` (one float per iteration), ``train_acc_history`` (on the batch) and
            ``val_acc_history`` (one float per epoch each), ``diverged_at`` (the iteration at
            which the loss was nan or inf and training ended with a `RuntimeWarning`, or None).
        """
        n = X.shape[0]
        iterations_per_epoch = max(n // batch_size, 1)
        losses: list[float] = []
        train_accuracies: list[float] = []
        val_scores: list[float] = []
        diverged_at = None
        with np.errstate(all="ignore"):  # divergence is reported once, by the loss
            for iteration in range(num_iters):
                rows = np.random.choice(n, batch_size)  # noqa: NPY002 - see __init__
                X_batch, y_batch = X[rows], y[rows]
                loss, gradients = self.loss(X_batch, y_batch, reg)
                losses.append(loss)
                if not np.isfinite(loss):
                    diverged_at = iteration
                    warnings.warn(
                        f"training diverged: loss {loss} at iteration {iteration}, "
                        f"learning rate {learning_rate:g}",
                        RuntimeWarning,
                        stacklevel=2,
                    )
                    break
                for name, gradient in gradients.items():
                    self.params[name] -= learning_rate * gradient
                if verbose and iteration % 100 == 0:
                    print(f"iteration {iteration} / {num_iters}: loss {loss:f}")
                if iteration % iterations_per_epoch == 0:
                    train_accuracies.append(float(np.mean(self.predict(X_batch) == y_batch)))
                    val_scores.append(float(np.mean(self.predict(X_val) == y_val)))
                    learning_rate *= learning_rate_decay
        return {
            "loss_history": losses,
            "train_acc_history": train_accuracies,
            "val_acc_history": val_scores,
            "diverged_at": diverged_at,
        }
