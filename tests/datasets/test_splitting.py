"""Splits are decided by the items: fixed sides, whole units, classes in their shares."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.datasets.sides import TEST_SHARE, choose_sides, is_test_key
from hpsearch.datasets.splitting import order_items, take

# A content and a class; few enough contents that items come twice.
ITEMS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 2)), min_size=1, max_size=80)


def _split(items: list[tuple[int, int]]) -> tuple[set[int], set[int]]:
    """The contents on each side."""
    sides = choose_sides([(str(content),) for content, _ in items], _labels(items))
    return {items[i][0] for i in sides.search}, {items[i][0] for i in sides.test}


def _labels(items: list[tuple[int, int]]) -> np.ndarray:
    return np.array([label for _, label in items], np.int64)


def test_a_fifth_of_all_keys_are_for_the_test() -> None:
    share = np.mean([is_test_key(f"picture {i}") for i in range(20_000)])
    assert abs(share - TEST_SHARE) < 0.01


def test_the_sides_of_these_keys_never_change() -> None:
    """Another version must not train on what this one tests on."""
    assert [i for i in range(30) if is_test_key(str(i))] == [10, 12, 16, 20, 21, 24, 25]


@given(ITEMS, ITEMS)
def test_an_item_keeps_its_side_when_others_are_added(
    items: list[tuple[int, int]], added: list[tuple[int, int]]
) -> None:
    search, test = _split(items)
    search_then, test_then = _split([*added, *items])
    assert search <= search_then
    assert test <= test_then
    assert not search_then & test_then


@given(ITEMS, st.integers(1, 60), st.integers(1, 20), st.integers(0, 20), st.booleans())
def test_growing_train_keeps_validation_and_never_takes_test_items(
    items: list[tuple[int, int]], n_train: int, n_validation: int, more: int, stratify: bool
) -> None:
    sides = choose_sides([(str(content),) for content, _ in items], _labels(items))
    labels = _labels(items)[sides.search] if stratify else None
    order = order_items(sides.units, labels)
    validation, train = take(sides.units, order, (n_validation, n_train))
    validation_then, train_then = take(sides.units, order, (n_validation, n_train + more))
    assert validation.tolist() == validation_then.tolist()
    assert train.tolist() == train_then[: len(train)].tolist()
    tested = {items[i][0] for i in sides.test}
    trained = {items[sides.search[i]][0] for i in train_then}
    validated = {items[sides.search[i]][0] for i in validation}
    assert not tested & trained
    assert not tested & validated
    assert not validated & trained


SIZES = st.tuples(st.integers(1, 60), st.integers(1, 20), st.integers(1, 20))


@given(ITEMS, ITEMS, SIZES, SIZES, st.integers(0, 3), st.booleans(), st.booleans())
def test_what_one_study_tests_on_no_other_trains_or_validates_on(
    items: list[tuple[int, int]],
    added: list[tuple[int, int]],
    sizes: tuple[int, int, int],
    other_sizes: tuple[int, int, int],
    seed: int,
    stratify: bool,
    is_later: bool,
) -> None:
    """Whatever sizes and seeds the two have, and whether there were more items before or after."""
    before, after = (items, [*added, *items]) if is_later else ([*added, *items], items)
    _, _, tested = _draw_splits(before, sizes, seed=None, stratify=True)
    trained, validated, _ = _draw_splits(after, other_sizes, seed=seed, stratify=stratify)
    assert not tested & (trained | validated)


def _draw_splits(
    items: list[tuple[int, int]], sizes: tuple[int, int, int], seed: int | None, stratify: bool
) -> tuple[set[int], set[int], set[int]]:
    n_train, n_validation, n_test = sizes
    labels = _labels(items)
    sides = choose_sides([(str(content),) for content, _ in items], labels)
    order = order_items(sides.units, labels[sides.search] if stratify else None, seed)
    validation, train = take(sides.units, order, (n_validation, n_train))
    parts = (sides.search[train], sides.search[validation], sides.test[:n_test])
    return tuple({items[i][0] for i in part} for part in parts)  # type: ignore[return-value]


@given(ITEMS, st.integers(0, 30), st.integers(0, 30))
def test_splits_have_the_sizes_asked_for_as_long_as_there_are_items(
    items: list[tuple[int, int]], first: int, second: int
) -> None:
    units = [str(content) for content, _ in items]
    order = order_items(units, _labels(items))
    assert sorted(order) == list(range(len(items)))
    one, two = take(units, order, (first, second))
    assert len(one) == min(first, len(items))
    n_left_out = sum(units[i] in {units[k] for k in one} for i in order[len(one) :])
    assert len(two) == min(second, len(items) - len(one) - n_left_out)


@given(st.integers(0, 2**32), st.integers(1, 300), st.integers(2, 4))
def test_every_beginning_holds_the_classes_in_their_shares(
    seed: int, n: int, n_classes: int
) -> None:
    labels = np.random.default_rng(seed).integers(0, n_classes, n)
    order = order_items([f"{seed} {i}" for i in range(n)], labels)
    for label in range(n_classes):
        found = np.cumsum(labels[order] == label)
        expected = np.arange(1, n + 1) * np.mean(labels == label)
        assert np.abs(found - expected).max() <= n_classes / 2


def test_a_seed_draws_another_order() -> None:
    units = [str(i) for i in range(40)]
    orders = [order_items(units, None, seed).tolist() for seed in (None, 0, 1)]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert order_items(units, None, 1).tolist() == orders[2]


@given(ITEMS, st.randoms())
def test_the_order_does_not_depend_on_the_order_of_units(items, random) -> None:
    shuffled = random.sample(sorted(set(items)), len(set(items)))
    orders = []
    for listed in (sorted(set(items)), shuffled):
        units = [f"{content} {label}" for content, label in listed]
        orders.append([units[i] for i in order_items(units, _labels(listed))])
    assert orders[0] == orders[1]


def test_items_of_one_group_are_on_one_side_whatever_they_are() -> None:
    keys = [(f"group {i // 5}", f"content {i}") for i in range(1000)]
    sides = choose_sides(keys, None)
    groups = [{i // 5 for i in side} for side in (sides.search, sides.test)]
    assert not groups[0] & groups[1]
    assert groups[1] == {i for i in range(200) if is_test_key(f"group {i}")}


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)), min_size=2, max_size=60))
def test_with_linked_groups_a_test_item_stays_one_when_others_are_added(
    items: list[tuple[int, int]],
) -> None:
    """A copy may link two groups; then training items become test items, never the reverse."""
    keys = [(f"group {group}", f"content {content}") for content, group in items]
    before = {items[i] for i in choose_sides(keys[: len(keys) // 2], None).test}
    after = {items[i] for i in choose_sides(keys, None).test}
    assert before <= after


def test_given_roles_are_kept_and_test_goes_before_validation_before_training() -> None:
    contents = ["a", "b", "c", "a", "b", "d", "a"]
    roles = ["train", "train", "train", "validation", "validation", "validation", "test"]
    sides = choose_sides([(one,) for one in contents], None, roles)
    assert sides.test.tolist() == [6]
    assert sides.search.tolist() == [2, 4, 5]
    assert sides.is_validation.tolist() == [False, True, True]
    assert sides.crossing.tolist() == [0, 1, 3]


def test_without_a_given_test_it_is_drawn_from_the_training_items() -> None:
    keys = [(str(i),) for i in range(100)]
    roles = ["train"] * 80 + ["validation"] * 20
    sides = choose_sides(keys, None, roles)
    assert sorted(sides.test) == [i for i in range(80) if is_test_key(str(i))]
    assert sides.search[sides.is_validation].tolist() == list(range(80, 100))
    assert len(sides.crossing) == 0
