"""Partitions from their definitions: pairs one by one, entropies one by one, every partition there is."""

import itertools
import math

import numpy as np


def every(T):
    """All partitions of T steps, labels in order of first appearance."""
    rows = [[]]
    for _ in range(T):
        rows = [[*row, k] for row in rows for k in range(max(row, default=-1) + 2)]
    return np.array(rows)


def entropy(labels):
    labels = list(labels)
    shares = [labels.count(label) / len(labels) for label in set(labels)]
    return -sum(p * math.log(p) for p in shares)


def variation_of_information(a, b):
    """2 H(a, b) - H(a) - H(b)."""
    return 2 * entropy(zip(a, b, strict=True)) - entropy(a) - entropy(b)


def pairs(a, b):
    """Pairs of steps by whether they are together in a and in b: {(in a, in b): count}."""
    table = dict.fromkeys(itertools.product((True, False), repeat=2), 0)
    for s, t in itertools.combinations(range(len(a)), 2):
        table[bool(a[s] == a[t]), bool(b[s] == b[t])] += 1
    return table


def binder_loss(a, b):
    table = pairs(a, b)
    return (table[True, False] + table[False, True]) / max(sum(table.values()), 1)


def adjusted_rand_index(a, b):
    """Index less its mean over all orders of b, over the same of the largest index."""
    table = pairs(a, b)
    both = table[True, True]
    in_a, in_b, total = both + table[True, False], both + table[False, True], sum(table.values())
    chance = in_a * in_b / total
    return (both - chance) / ((in_a + in_b) / 2 - chance)


def matched_accuracy(a, b):
    """Best over all ways to rename the labels of b."""
    names_a, names_b = sorted(set(a)), sorted(set(b))
    names_a += [None] * max(0, len(names_b) - len(names_a))
    renamings = itertools.permutations(names_a, len(names_b))
    named = [dict(zip(names_b, names, strict=True)) for names in renamings]
    return max(sum(x == names[y] for x, y in zip(a, b, strict=True)) / len(a) for names in named)


def coclustering(draws):
    draws = np.asarray(draws)
    return (draws[:, :, None] == draws[:, None, :]).mean(axis=0)
