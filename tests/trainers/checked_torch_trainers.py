"""A trainer of PyTorch for the conformance check, in a module that its processes import."""

from torch import nn, optim

from hpsearch.trainers.pytorch import TorchTrainer


class Perceptron(TorchTrainer):
    """With dropout, which draws from PyTorch's global generator, and momentum."""

    def make_module(self):
        n_outputs = self.schema.n_outputs
        return nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.2), nn.ReLU(), nn.Linear(16, n_outputs))

    def make_optimizer(self, module):
        return optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
