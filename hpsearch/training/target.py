"""The processor that numba compiles for, and what the compiled loops use of it.

The environment variables NUMBA_CPU_NAME and NUMBA_CPU_FEATURES replace what LLVM finds. Either
may change the last bits of a trained model, so both belong to its recorded versions.
"""

import re

from numba.core import config
from numba.core.registry import cpu_target

__all__ = ["FEATURES", "HAS_AVX512", "VNNI", "describe_target"]

_TRIPLE, _CPU_NAME, FEATURES = cpu_target.target_context.codegen().magic_tuple()
HAS_AVX512 = "+avx512f" in FEATURES
# The instruction that multiplies four pairs of bytes and adds them up in each lane, if any.
VNNI = (
    "AVX-512 VNNI" if "+avx512vnni" in FEATURES else "AVX-VNNI" if "+avxvnni" in FEATURES else None
)
# Of x86-64 (which always has SSE2) and ARM, the features that arithmetic may use; others, such as
# rdrnd, change no bits.
_ARITHMETIC = re.compile(r"amx|avx|bf16|dotprod|f16c|fma|fp|fullfp16|i8mm|neon|sme|sve|xop")


def describe_target() -> dict[str, str]:
    """What compiled loops are made for, and which code they choose for it.

    Returns
    -------
    dict
        ``cpu_name`` as LLVM calls it; ``cpu_features``, those that arithmetic may use, by name;
        ``float32_products``, the tile that products in float32 are made of;
        ``pixel_products``, the arithmetic of the two large products on raw pixels; and
        ``math_functions``, whose exp and log they call.
    """
    features = (feature[1:] for feature in FEATURES.split(",") if feature.startswith("+"))
    return {
        "cpu_name": _CPU_NAME,
        "cpu_features": " ".join(sorted(filter(_ARITHMETIC.match, features))),
        "float32_products": "12 x 32 tiles (AVX-512)" if HAS_AVX512 else "6 x 16 tiles",
        "pixel_products": f"integer ({VNNI})" if VNNI else "float32",
        "math_functions": "Intel SVML" if getattr(config, "USING_SVML", False) else "C library",
    }
