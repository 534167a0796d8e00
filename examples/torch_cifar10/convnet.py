"""A small convolutional net in PyTorch."""

from torch import nn, optim

from hpsearch.trainers.pytorch import TorchTrainer


class ConvNet(TorchTrainer):
    """Two convolutions and a linear layer."""

    def make_module(self):
        height, width, colours = self.schema.image_shape
        n = self.hyperparameters["channels"]
        return nn.Sequential(
            *(nn.Conv2d(colours, n, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv2d(n, 2 * n, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Flatten(), nn.Dropout(self.hyperparameters["dropout"])),
            nn.Linear(2 * n * (height // 4) * (width // 4), self.schema.n_outputs),
        )

    def make_optimizer(self, module):
        return optim.AdamW(module.parameters(), lr=self.hyperparameters["learning_rate"])

    def make_scheduler(self, optimizer):
        return optim.lr_scheduler.CosineAnnealingLR(optimizer, self.hyperparameters["epochs"])
