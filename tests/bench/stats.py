# SPDX-License-Identifier: MIT
"""What is said of a series of measures: the median, how far they spread, ratios."""


def quantile(values, share):
    """The value below which @share of them lie, between neighbours if need be."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def median(values):
    return quantile(values, 0.5)


def spread(values):
    """Half the distance of the outer quartiles, as a share of the median."""
    middle = median(values)
    if middle == 0:
        return 0.0
    return (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / abs(middle)


def jain(values):
    """Jain's index of fairness: 1 if all have the same, 1/n if one has all."""
    squares = sum(v * v for v in values)
    if squares == 0:
        return 0.0
    return sum(values) ** 2 / (len(values) * squares)


def ratio(ours, reference):
    """None where there is nothing to divide by."""
    return ours / reference if reference else None


def figure(value):
    """Three digits that mean something."""
    size = abs(value)
    if size >= 100:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 1 or value == 0:
        return f"{value:.2f}"
    return f"{value:.3g}"
