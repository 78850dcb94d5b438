"""Reference values for the sequential tests, from gbstats, confseq and SciPy.

    python3 -m venv /tmp/sequential && /tmp/sequential/bin/pip install gbstats==0.8.0 confseq==0.0.11
    /tmp/sequential/bin/python test/statistics/reference/make_sequential.py

Writes sequential.json beside itself. confseq compiles against the headers of Boost (Debian: libboost-math-dev). gbstats needs
an older NumPy than the interop tests, so the values are kept here instead of asked for.
"""

import json
import pathlib

import numpy as np
from confseq.betting import betting_mart
from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest
from gbstats.models.statistics import SampleMeanStatistic
from gbstats.utils import check_srm
from scipy import stats

rng = np.random.default_rng(17)


def kt_bets(x, m):
    """The bets of Krichevsky and Trofimov: in proportion to the share of successes so far."""
    before = np.append(0, np.cumsum(x)[:-1])
    share = (before + 0.5) / (np.arange(len(x)) + 1)
    return (share - m) / (m * (1 - m))


def capital(x, m):
    """confseq plays the bets one by one. trunc_scale=1 leaves them as they are."""
    return betting_mart(np.array(x), m, lambdas_fn_positive=kt_bets, theta=1, trunc_scale=1)[-1]


def betting(share, trials):
    x = rng.binomial(1, share, trials)
    # Near enough that the capital of thousands of bets is still a number.
    m = float(np.clip(np.round(share + rng.uniform(-0.08, 0.08), 3), 0.005, 0.995))
    return [int(x.sum()), trials, m, float(np.log(capital(x, m)))]


def interval(share, trials, confidence):
    """The ends at which the capital that confseq plays out reaches 1/alpha."""
    x = rng.binomial(1, share, trials)
    limit = -np.log(1 - confidence)
    f = lambda m: np.log(capital(x, m)) - limit
    mean = x.mean()

    def solve(low, high):
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if f(middle) > 0 else (low, middle)
        return (low + high) / 2

    def mirror(low, high):
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (low, middle) if f(middle) > 0 else (middle, high)
        return (low + high) / 2

    return [int(x.sum()), trials, confidence, solve(1e-9, mean) if mean > 0 else 0, mirror(mean, 1 - 1e-9) if mean < 1 else 1]


def means():
    groups = [
        (int(rng.integers(2, 10**rng.integers(2, 7))), float(rng.normal(10, 3)), float(rng.uniform(0.1, 50)))
        for _ in range(2)
    ]
    groups[1] = (groups[1][0], groups[0][1] + float(rng.normal(0, 0.2)), groups[1][2])
    statistic = [
        SampleMeanStatistic(n=n, sum=n * mean, sum_squares=variance * (n - 1) + n * mean**2) for n, mean, variance in groups
    ]
    alpha = float(rng.choice([0.1, 0.05, 0.01]))
    tuned_for = float(rng.choice([500, 5000, 50000]))
    config = SequentialConfig(alpha=alpha, difference_type="absolute", sequential_tuning_parameter=tuned_for)
    result = SequentialTwoSidedTTest(*statistic, config).compute_result()
    return [*groups[0], *groups[1], 1 - alpha, tuned_for, result.expected, *map(float, result.ci), float(result.p_value)]


def ratio():
    k = int(rng.integers(2, 6))
    weights = [float(w) for w in rng.uniform(0.05, 1, k)]
    counts = [int(c) for c in rng.multinomial(int(10 ** rng.uniform(2, 6)), np.array(weights) / sum(weights))]
    counts[0] += int(rng.integers(0, 30))
    return [counts, weights, float(check_srm(counts, weights))]


values = {
    "logCapital": [betting(share, trials) for share in (0.02, 0.5, 0.9) for trials in (1, 20, 300, 5000)],
    "proportion": [interval(s, n, c) for s in (0.05, 0.5, 0.93) for n in (30, 1000) for c in (0.9, 0.95, 0.99)],
    "mean": [means() for _ in range(60)],
    "chiSquareTail": [
        [float(x), k, float(stats.chi2.sf(x, k))] for k in (1, 2, 3, 7, 40) for x in (1e-8, 0.1, 1, 3.84, 10, 60, 400)
    ],
    "sampleRatio": [ratio() for _ in range(30)],
}
path = pathlib.Path(__file__).with_name("sequential.json")
path.write_text(json.dumps(values, separators=(",", ":")) + "\n")
