"""The assignment's net, under the name that its notebook imports."""

from hpsearch.trainers.two_layer_net.net import TwoLayerNet

__all__ = ["TwoLayerNet"]
