#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The reference that ChangeFinder is held against: the formulas written down once more, with NumPy's SVD.

Writes changefinder.txt: per slot the series' name, its value, the score and whether it alerts. Only this
script needs NumPy (Debian: python3-numpy); test_changefinder.c reads the file.

	python3 tests/unit/changefinder.py >tests/unit/changefinder.txt
"""
import math
import numpy as np

ORDER, FORGET, FIRST, SECOND, QUIET, ALERT = 2, 0.005, 10, 5, 15, 3.0
CUT, ROUNDING = math.sqrt(np.finfo(float).eps), 1e-12


def pinv(matrix):
    u, s, vt = np.linalg.svd(matrix)
    keep = s > CUT * s[0]
    inverse = np.array([1 / x if k else 0.0 for x, k in zip(s, keep)])
    return vt.T @ np.diag(inverse) @ u.T


def sdar(x):
    mean, variance, c, scores = 0.0, 0.0, [0.0] * (ORDER + 1), []
    for t, value in enumerate(x):
        if t < ORDER:
            scores.append(0.0)
            continue
        mean = (1 - FORGET) * mean + FORGET * value
        for j in range(ORDER + 1):
            c[j] = (1 - FORGET) * c[j] + FORGET * (value - mean) * (x[t - j] - mean)
        toeplitz = np.array([[c[abs(i - j)] for j in range(ORDER)] for i in range(ORDER)])
        w = pinv(toeplitz) @ np.array(c[1:])
        expected = sum(w[j - 1] * (x[t - j] - mean) for j in range(1, ORDER + 1)) + mean
        miss = value - expected
        if abs(miss) <= ROUNDING * (abs(value) + abs(expected)):
            miss = 0.0  # after a constant the residual is nothing but rounding
        miss *= miss
        variance = (1 - FORGET) * variance + FORGET * miss
        # ln 0 and 0 / 0 have no value: nothing to be surprised by
        scores.append((math.log(2 * math.pi * variance) + miss / variance) / 2 if variance > 0 else 0.0)
    return scores


def trailing(x, width):
    return [sum(x[max(0, t - width + 1) : t + 1]) / min(t + 1, width) for t in range(len(x))]


def changefinder(x):
    return trailing(sdar(trailing(sdar(x), FIRST)), SECOND)


def series():
    rng = np.random.default_rng(20220127)
    n = 400
    poisson = rng.poisson(40, n)
    rise = np.concatenate([rng.poisson(20, 250), rng.poisson(20, 150) + np.arange(150)])
    spiky = rng.poisson(3, n)
    spiky[[90, 91, 200, 330]] += [400, 380, 2500, 40]
    sparse = (rng.random(n) < 0.03).astype(int) * rng.integers(1, 50, n)
    late = np.concatenate([np.zeros(120, int), rng.poisson(15, n - 120)])
    daily = rng.poisson(1000 + 400 * np.sin(np.arange(n) * 2 * math.pi / 144))
    heavy = (rng.pareto(1.1, n) * 1000).astype(int)
    steps = np.repeat(rng.integers(0, 10**6, 8), 50)
    return [
        ("poisson", poisson), ("rise", rise), ("spiky", spiky), ("sparse", sparse), ("late", late),
        ("daily", daily), ("heavy", heavy), ("steps", steps), ("zero", np.zeros(60, int)),
        ("constant", np.full(n, 7)), ("one", np.concatenate([[5], np.zeros(80, int)])),
    ]


for name, values in series():
    values = [float(v) for v in values]
    for t, (value, score) in enumerate(zip(values, changefinder(values))):
        print(name, int(value), repr(score), int(t >= QUIET and score > ALERT))
