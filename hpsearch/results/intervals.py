"""Wilson's score interval of a share."""

import math

__all__ = ["Z_95", "wilson_interval"]

# The normal distribution's quantile for 95 % between both sides.
Z_95 = 1.959963984540054


def wilson_interval(n_hits: float, n: int, z: float = Z_95) -> tuple[float, float]:
    """Score interval for a probability, from `n_hits` successes in `n` trials; 95 % by default.

    Parameters
    ----------
    n_hits : float
        Successes.
    n : int
        Trials.
    z : float
        Normal quantile of the interval's upper end.

    Notes
    -----
    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    Unlike the estimate plus or minus two standard errors it holds near 0 and 1 too.

    Raises
    ------
    ValueError
        If there is no trial, or `n_hits` is not between 0 and `n`.
    """
    if not 0 <= n_hits <= n or not n:
        raise ValueError(f"n_hits: expected between 0 and n of at least 1, got {n_hits} of {n}")
    share = n_hits / n
    middle = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    scale = 1 + z**2 / n
    # min and max: rounding must not put an end on the wrong side of the share.
    low, high = (middle - half) / scale, (middle + half) / scale
    return max(0.0, min(share, low)), min(1.0, max(share, high))
