"""Products of matrices on arrays that lie as a product reads them."""

from hpsearch.training.products.layout import Blocks, NetLayout, Panels, zeros
from hpsearch.training.products.multiplication import multiply, multiply_transposed
from hpsearch.training.products.parts import Part, cut_evenly, share_out
from hpsearch.training.products.threads import Threads
from hpsearch.training.products.tiles import LANES

__all__ = [
    "LANES",
    "Blocks",
    "NetLayout",
    "Panels",
    "Part",
    "Threads",
    "cut_evenly",
    "multiply",
    "multiply_transposed",
    "share_out",
    "zeros",
]
