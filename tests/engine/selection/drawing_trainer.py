"""Trainers that draw, and one that does not."""

import numpy as np
from matplotlib.figure import Figure

import hpsearch
from hpsearch.trainers import Picture

FRAMES = {epoch: np.full((5, 4, 4), 9 * epoch, np.uint8) for epoch in (1, 3)}
IMAGE = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


class Plain(hpsearch.Trainer):
    """Predicts one class."""

    label = 0

    def train_epoch(self, data):
        return {}

    def predict(self, X):
        return np.full(len(X), self.label)

    def state_dict(self):
        return {"label": self.label}

    def load_state_dict(self, state):
        self.label = state["label"]


class Drawing(Plain):
    """Draws one picture of each kind; the image shows its state."""

    def figures(self, *, is_best):
        figure = Figure(figsize=(2, 1))
        figure.suptitle(f"class {self.label}")
        drawn = {"title": Picture(figure, "Its class.")}
        if is_best:
            drawn["image"] = Picture(IMAGE + np.uint8(self.label), "An image.")
            drawn["growth"] = Picture(FRAMES)
        return drawn


class Failing(Plain):
    """Cannot be drawn."""

    def figures(self, *, is_best):
        raise KeyError("no such layer")
