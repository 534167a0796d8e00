"""Softmax regression by stochastic gradient descent, in NumPy."""

import numpy as np

import hpsearch


class SoftmaxRegression(hpsearch.Trainer):
    """Scores are a matrix product; grey levels of the digits are 0 to 16."""

    def __init__(self, hyperparameters, schema, rng):
        super().__init__(hyperparameters, schema, rng)
        self.W = np.zeros((schema.n_features, schema.n_outputs), np.float32)

    def train_epoch(self, data):
        losses = []
        for X, y in data.batches(self.hyperparameters["batch_size"], self.rng):
            loss, gradient = softmax_loss(self.W, X / np.float32(16), y)
            gradient += self.hyperparameters["reg"] * self.W
            self.W -= self.hyperparameters["learning_rate"] * gradient
            losses.append(loss)
        return {"train_loss": float(np.mean(losses))}

    def predict(self, X):
        return X / np.float32(16) @ self.W

    def state_dict(self):
        return {"W": self.W}

    def load_state_dict(self, state):
        self.W = state["W"]


def softmax_loss(W, X, y):
    """Mean cross-entropy of a batch, and its gradient by `W`."""
    scores = X @ W
    scores -= scores.max(axis=1, keepdims=True)  # so that exp cannot overflow
    p = np.exp(scores)
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y]).mean()
    p[np.arange(len(y)), y] -= 1
    return loss, X.T @ p / np.float32(len(y))
