"""Reference values for intervals, the bootstrap and floors, from implementations that share no code with ours.

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install scipy statsmodels
    /tmp/reference/bin/python test/statistics/reference/make_resampling.py

Writes resampling.json beside itself. The bootstrap is SciPy's, the intervals are statsmodels', and the floors are
enumerated with SciPy.
"""

import json
import pathlib
import platform

import numpy as np
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

chance = np.random.default_rng(7)


def bca():
    rows = []
    for size, draw in [
        (15, lambda n: chance.exponential(1, n)),
        (80, lambda n: chance.normal(0.05, 0.3, n)),
        (400, lambda n: chance.lognormal(0, 1, n)),
    ]:
        values = draw(size)
        result = stats.bootstrap(
            (values,), np.mean, n_resamples=400_000, method="BCa", confidence_level=0.95, batch=10_000,
            random_state=np.random.default_rng(1),
        )
        loo = (values.sum() - values) / (size - 1)
        distance = loo.mean() - loo
        acceleration = (distance**3).sum() / (6 * (distance**2).sum() ** 1.5)
        # How far an interval of 10,000 resamples strays by chance: from as many of SciPy's own.
        spread = np.std(
            [
                [*stats.bootstrap((values,), np.mean, n_resamples=10_000, method="BCa", batch=5_000,
                                  random_state=np.random.default_rng(seed)).confidence_interval]
                for seed in range(20)
            ],
            axis=0,
        )
        low, high = result.confidence_interval
        rows.append(
            [[float(v) for v in values], float(low), float(high), float(acceleration), *(float(s) for s in spread)]
        )
    return rows


def ratio():
    """F1 of one model less that of another, groups resampled together, by SciPy's paired bootstrap of an index."""
    size = 120
    columns = [chance.integers(0, 3, size).astype(float) for _ in range(4)]
    columns[1] += columns[0]
    columns[3] += columns[2]

    def statistic(index, axis=-1):
        index = index.astype(int)
        sums = [column[index].sum(axis=axis) for column in columns]
        return sums[0] / sums[1] - sums[2] / sums[3]

    result = stats.bootstrap(
        (np.arange(size),), statistic, n_resamples=200_000, method="BCa", batch=10_000, vectorized=True,
        random_state=np.random.default_rng(2),
    )
    return [[[float(v) for v in column] for column in columns], *(float(v) for v in result.confidence_interval)]


def floor_rows():
    rows = []
    for n, truth, floor in [(20, 0.35, 0.15), (100, 0.3, 0.15), (100, 0.2, 0.15), (500, 0.2, 0.15), (50, 0.99, 0.95), (10, 1, 0.9)]:
        k = np.arange(n + 1)
        lower = np.array([proportion_confint(int(one), n, alpha=0.1, method="beta")[0] for one in k])
        certified = np.nan_to_num(lower) >= floor
        least = int(k[certified][0]) if certified.any() else n + 1
        rows.append([n, truth, floor, least, float(stats.binom.sf(least - 1, n, truth))])
    return rows


out = {
    "wilson": [
        [k, n, confidence, *(float(v) for v in proportion_confint(k, n, alpha=1 - confidence, method="wilson"))]
        for k, n in [(0, 1), (0, 10), (10, 10), (1, 10), (7, 20), (713, 725), (999997, 1000000)]
        for confidence in (0.9, 0.95, 0.999)
    ],
    "bca": bca(),
    "ratio": [ratio()],
    "floor": floor_rows(),
}
versions = {
    "python": platform.python_version(),
    "numpy": np.__version__,
    "scipy": scipy.__version__,
    "statsmodels": statsmodels.__version__,
}
lines = [f'  "versions": {json.dumps(versions)}']
lines += [f'  "{key}": [\n    ' + ",\n    ".join(json.dumps(row) for row in rows) + "\n  ]" for key, rows in out.items()]
pathlib.Path(__file__).with_name("resampling.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
