"""Pictures of weights, under the names that the assignment's notebook imports."""

from hpsearch.trainers.two_layer_net.weight_images import show_net_weights, visualize_grid

__all__ = ["show_net_weights", "visualize_grid"]
