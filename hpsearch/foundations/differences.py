"""Comparison of the recorded versions of trials: one line for each difference.

Versions are a mapping from names to texts, as returned by `versions.machine_versions` and
`Trainer.versions`. A trial that was continued with other versions has all of them, in order,
separated by `THEN`.
"""

from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "THEN",
    "Versions",
    "compare_versions",
    "list_changes",
    "merge_versions",
    "split_versions",
]

Versions = Mapping[str, str]

THEN = " -> "
_LABELS = {
    "blas": "BLAS",
    "cpu_features": "CPU features",
    "cpu_name": "CPU name",
    "float32_products": "products in float32",
    "libc": "C library",
    "math_functions": "exp and log",
    "numpy_simd": "NumPy SIMD extensions",
    "pixel_products": "products on pixels",
    "processor": "processor",
}
# Values that are sets of names, of which only the differing members are listed.
_SETS = frozenset({"cpu_features", "numpy_simd"})
_CONSEQUENCES = {
    "hpsearch": "results may differ",
    "optuna": "proposals and pruning may differ",
}
_CONSEQUENCE = "results may differ in last bits"


def merge_versions(earlier: Versions, now: Versions) -> dict[str, str]:
    """Merge the versions of a trial that began with `earlier` and is continued with `now`."""
    merged = dict(now)
    for name, value in earlier.items():
        values = value.split(THEN)
        if (latest := now.get(name)) is not None and latest != values[-1]:
            values.append(latest)
        merged[name] = THEN.join(values)
    return merged


def split_versions(versions: Versions) -> set[tuple[str, str]]:
    """Pair each name with each of its values."""
    return {(name, value) for name, values in versions.items() for value in values.split(THEN)}


def list_changes(before: Versions, now: Versions, between: str = THEN) -> list[str]:
    """List the values of `before` that differ in `now`.

    ``numpy 2.4.6 -> 2.5.0``, with `between` in the middle; for a set, such as CPU features, the
    missing and the new members: ``CPU features -avx512f +avxvnni``.
    """
    lines = []
    for name in before:
        if name not in now or before[name] == now[name]:
            continue
        text = f"{before[name] or 'unknown'}{between}{now[name] or 'unknown'}"
        if name in _SETS:
            old, new = set(before[name].split()), set(now[name].split())
            text = " ".join(
                [f"-{x}" for x in sorted(old - new)] + [f"+{x}" for x in sorted(new - old)]
            )
        lines.append(f"{_LABELS.get(name, name)} {text}")
    return lines


def compare_versions(
    trials: Mapping[int, Versions], here: Versions | None = None, names: Iterable[str] | None = None
) -> list[str]:
    """List differences of trials' versions, among each other and from those of this run.

    Parameters
    ----------
    trials : mapping
        Versions by trial number. A trial whose worker died has none, and is not compared.
    here : mapping, optional
        Versions of this run.
    names : iterable of str, optional
        Names to compare; all by default.

    Returns
    -------
    list of str
        A line for each difference, such as ``trials 0-9 ran with numba 0.62.0, this run has
        0.63.1; results may differ in last bits``; empty if all are equal.
    """
    known = dict.fromkeys(name for one in (*trials.values(), here or {}) for name in one)
    lines = []
    for name in known if names is None else [name for name in known if name in set(names)]:
        groups: dict[str, list[int]] = {}
        for number, versions in sorted(trials.items()):
            for value in versions[name].split(THEN) if name in versions else ():
                groups.setdefault(value, []).append(number)
        this = here.get(name) if here else None
        if len({*groups} | ({this} if this is not None else set())) > 1:
            text = _describe(name, groups, this)
            lines.append(f"{text}; {_CONSEQUENCES.get(name, _CONSEQUENCE)}")
    return lines


def _describe(name: str, groups: Mapping[str, Sequence[int]], this: str | None) -> str:
    if name in _SETS:
        return f"{_LABELS[name]}: {_describe_sets(groups, this)}"
    values = dict.fromkeys((*groups, *([] if this is None else [this])))
    if name in _LABELS:
        places = (f"{v or 'unknown'} {_name_places(groups.get(v, ()), v == this)}" for v in values)
        return f"{_LABELS[name]}: {', '.join(places)}"
    lead, parts = f" ran with {name}", []
    for value, numbers in groups.items():
        parts.append(f"{_name_trials(numbers)}{lead} {value}")
        lead = " with"
    return ", ".join(parts + ([] if this is None else [f"this run has {this}"]))


def _describe_sets(groups: Mapping[str, Sequence[int]], this: str | None) -> str:
    """Describe members that only some sets have, grouped by the sets that have them."""
    sets = {value: set(value.split()) for value in (*groups, *([] if this is None else [this]))}
    together: dict[tuple[str, str], list[str]] = {}
    for member in sorted({member for one in sets.values() for member in one}):
        has, lacks = (
            _name_places(
                [
                    n
                    for value, some in groups.items()
                    if (member in sets[value]) is is_in
                    for n in some
                ],
                this is not None and (member in sets[this]) is is_in,
            )
            for is_in in (True, False)
        )
        if lacks:
            together.setdefault((has, lacks), []).append(member)
    parts = [
        f"{', '.join(members)} {has}, not {lacks}" for (has, lacks), members in together.items()
    ]
    return "; ".join(parts)


def _name_places(numbers: Sequence[int], is_here: bool) -> str:
    places = [f"in {_name_trials(numbers)}"] if numbers else []
    return " and ".join(places + (["here"] if is_here else []))


def _name_trials(numbers: Sequence[int]) -> str:
    """Format trial numbers as ``trial 3`` or ``trials 0-4, 7``."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    text = ", ".join(str(one[0]) if len(one) == 1 else f"{one[0]}-{one[-1]}" for one in runs)
    return f"trial{'s' if len(set(numbers)) > 1 else ''} {text}"
