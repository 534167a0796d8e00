"""The same training step in scikit-learn, PyTorch, JAX, and a straightforward NumPy loop.

The same arithmetic, batch and precision (float32), each as shown in its documentation. Images come
from one float32 array that is centred beforehand, a cost that only this program's step includes.
Libraries that are not installed are left out.
"""

import importlib.util
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PEERS", "make_plain_step"]

Float32 = NDArray[np.float32]
Labels = NDArray[np.int64]
LEARNING_RATE, REG, N_CLASSES = 1e-3, 0.1, 10


def make_sklearn_step(
    X: Float32, y: Labels, n_hidden: int, batch_size: int
) -> Callable[[], object]:
    """Make a step of `MLPClassifier` with plain SGD: `partial_fit` on one batch."""
    from sklearn.neural_network import MLPClassifier

    batches = _batches(len(X), batch_size)
    # Its penalty is alpha / 2 times the sum of squares, divided by the batch size.
    net = MLPClassifier(
        (n_hidden,),
        solver="sgd",
        alpha=2 * REG * batch_size,
        batch_size=batch_size,
        learning_rate_init=LEARNING_RATE,
        momentum=0.0,
        nesterovs_momentum=False,
    )
    classes = np.arange(N_CLASSES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.partial_fit(X[:batch_size], y[:batch_size], classes=classes)

    def step() -> object:
        rows = next(batches)
        return net.partial_fit(X[rows], y[rows], classes=classes).loss_

    return step


def make_torch_step(
    X: Float32, y: Labels, n_hidden: int, batch_size: int, *, compiled: bool = False
) -> Callable[[], object]:
    """Make a step of `torch.nn` and `torch.optim.SGD` with weight decay."""
    import torch

    net: Any = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], n_hidden), torch.nn.ReLU(), torch.nn.Linear(n_hidden, N_CLASSES)
    )
    optimizer = torch.optim.SGD(net.parameters(), LEARNING_RATE, weight_decay=2 * REG)
    loss_of = torch.nn.CrossEntropyLoss()
    images, labels = torch.from_numpy(X), torch.from_numpy(y)
    batches = _batches(len(X), batch_size)

    def forward(batch: Any, classes: Any) -> Any:
        return loss_of(net(batch), classes)

    loss_on: Any = torch.compile(forward) if compiled else forward

    def step() -> object:
        rows = torch.from_numpy(next(batches))
        optimizer.zero_grad()
        loss = loss_on(images[rows], labels[rows])
        loss.backward()
        optimizer.step()
        return loss.item()

    step()
    return step


def make_compiled_torch_step(
    X: Float32, y: Labels, n_hidden: int, batch_size: int
) -> Callable[[], object]:
    """Make a step of `make_torch_step` through `torch.compile`."""
    return make_torch_step(X, y, n_hidden, batch_size, compiled=True)


def make_jax_step(X: Float32, y: Labels, n_hidden: int, batch_size: int) -> Callable[[], object]:
    """Make a step of `jax.value_and_grad` and an update, compiled as one function."""
    import jax
    import jax.numpy as jnp

    def loss_of(net: Any, batch: Any, classes: Any) -> Any:
        hidden = jax.nn.relu(batch @ net["W1"] + net["b1"])
        scores = hidden @ net["W2"] + net["b2"]
        picked = jnp.take_along_axis(jax.nn.log_softmax(scores), classes[:, None], axis=1)
        return -picked.mean() + REG * (jnp.sum(net["W1"] ** 2) + jnp.sum(net["W2"] ** 2))

    def update(net: Any, batch: Any, classes: Any) -> Any:
        loss, gradient = jax.value_and_grad(loss_of)(net, batch, classes)
        return jax.tree.map(lambda p, g: p - LEARNING_RATE * g, net, gradient), loss

    compiled = jax.jit(update)
    net = {name: jnp.asarray(array) for name, array in _start(X.shape[1], n_hidden).items()}
    batches = _batches(len(X), batch_size)

    def step() -> object:
        nonlocal net
        rows = next(batches)
        net, loss = compiled(net, X[rows], y[rows])
        return float(loss)

    step()
    return step


def make_plain_step(X: Any, y: Labels, n_hidden: int, batch_size: int) -> Callable[[], object]:
    """Make a step of a float64 NumPy loop as in the assignment, on float64 images."""
    net = {name: array.astype(np.float64) for name, array in _start(X.shape[1], n_hidden).items()}
    X = X.astype(np.float64)
    rng = np.random.default_rng(0)

    def step() -> object:
        rows = rng.choice(len(X), batch_size)
        batch, classes = X[rows], y[rows]
        hidden = np.maximum(0, batch @ net["W1"] + net["b1"])
        scores = hidden @ net["W2"] + net["b2"]
        exps = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities = exps / exps.sum(axis=1, keepdims=True)
        loss = -np.log(probabilities[np.arange(batch_size), classes]).mean()
        loss += REG * (np.sum(net["W1"] ** 2) + np.sum(net["W2"] ** 2))
        probabilities[np.arange(batch_size), classes] -= 1
        dscores = probabilities / batch_size
        dhidden = dscores @ net["W2"].T
        dhidden[hidden <= 0] = 0
        gradient = {
            "W1": batch.T @ dhidden + 2 * REG * net["W1"],
            "b1": dhidden.sum(axis=0),
            "W2": hidden.T @ dscores + 2 * REG * net["W2"],
            "b2": dscores.sum(axis=0),
        }
        for name in net:
            net[name] -= LEARNING_RATE * gradient[name]
        return loss

    return step


def _start(n_inputs: int, n_hidden: int) -> dict[str, Float32]:
    rng = np.random.default_rng(0)
    return {
        "W1": (1e-4 * rng.standard_normal((n_inputs, n_hidden))).astype(np.float32),
        "b1": np.zeros(n_hidden, np.float32),
        "W2": (1e-4 * rng.standard_normal((n_hidden, N_CLASSES))).astype(np.float32),
        "b2": np.zeros(N_CLASSES, np.float32),
    }


def _batches(n: int, batch_size: int) -> Iterator[NDArray[np.int64]]:
    """Yield the row numbers of one batch after the other, in a new order for each epoch."""
    rng = np.random.default_rng(0)
    while True:
        order = rng.permutation(n)
        for start in range(0, n - batch_size + 1, batch_size):
            yield order[start : start + batch_size]


_ALL = {
    "scikit-learn": ("sklearn", make_sklearn_step),
    "PyTorch eager": ("torch", make_torch_step),
    "PyTorch compiled": ("torch", make_compiled_torch_step),
    "JAX": ("jax", make_jax_step),
}
PEERS = {name: make for name, (package, make) in _ALL.items() if importlib.util.find_spec(package)}
