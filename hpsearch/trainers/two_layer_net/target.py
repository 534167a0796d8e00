"""The processor that numba compiles for, and which of its features the compiled loops use.

The environment variables NUMBA_CPU_NAME and NUMBA_CPU_FEATURES override what LLVM detects. Either
may change the last bits of a trained model, so both are among its recorded versions.
"""

import re

from numba.core import config
from numba.core.registry import cpu_target

__all__ = ["FEATURES", "HAS_AVX512", "VNNI", "describe_target"]

_TRIPLE, _CPU_NAME, FEATURES = cpu_target.target_context.codegen().magic_tuple()
HAS_AVX512 = "+avx512f" in FEATURES
# Instruction set with byte products (see `products.integer_tiles`), or None.
VNNI = (
    "AVX-512 VNNI" if "+avx512vnni" in FEATURES else "AVX-VNNI" if "+avxvnni" in FEATURES else None
)
# Features of x86-64 (beyond SSE2, which all have) and ARM that arithmetic may use; others, such as
# rdrnd, do not change results.
_ARITHMETIC = re.compile(r"amx|avx|bf16|dotprod|f16c|fma|fp|fullfp16|i8mm|neon|sme|sve|xop")


def describe_target() -> dict[str, str]:
    """Describe the processor that loops are compiled for, and the code that is chosen for it.

    Returns
    -------
    dict
        ``cpu_name``, LLVM's name; ``cpu_features``, names of those that may affect arithmetic;
        ``float32_products``, the tile size of float32 products; ``pixel_products``, the
        arithmetic of the two large products on raw pixels; and ``math_functions``, the library
        of exp and log.
    """
    features = (feature[1:] for feature in FEATURES.split(",") if feature.startswith("+"))
    return {
        "cpu_name": _CPU_NAME,
        "cpu_features": " ".join(sorted(filter(_ARITHMETIC.match, features))),
        "float32_products": "12 x 32 tiles (AVX-512)" if HAS_AVX512 else "6 x 16 tiles",
        "pixel_products": f"integer ({VNNI})" if VNNI else "float32",
        "math_functions": "Intel SVML" if getattr(config, "USING_SVML", False) else "C library",
    }
