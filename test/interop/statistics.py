"""Answers to random cases, from SciPy and statsmodels: JSON in, JSON out."""

import importlib.util
import json
import pathlib
import sys
import warnings

import numpy as np
from scipy import special, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

# Neither library has Tango's test: the likelihood is maximised by a search, as for the stored values.
path = pathlib.Path(__file__).parents[1] / "statistics/reference/make_reference.py"
spec = importlib.util.spec_from_file_location("make_reference", path)
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)


def tango(b, c, n, margin, confidence):
    z = stats.norm.ppf(confidence)
    return [reference.tango_z(b, c, n, margin), reference.tango_limit(b, c, n, z), reference.tango_limit(b, c, n, -z)]


def bca(values, confidence):
    """Means of both ends over 20 intervals, and how far a single one strays."""
    ends = [
        [*stats.bootstrap((np.array(values),), np.mean, n_resamples=10_000, method="BCa", confidence_level=confidence,
                          random_state=np.random.default_rng(seed)).confidence_interval]
        for seed in range(20)
    ]
    return [*np.mean(ends, axis=0), *np.std(ends, axis=0, ddof=1)]


def sample_ratio(counts, shares):
    counts, shares = np.array(counts), np.array(shares)
    return [*stats.chisquare(counts, shares / shares.sum() * counts.sum())]


def kolmogorov_smirnov(x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return [*stats.ks_2samp(x, y, method="exact")][:2]
        except RuntimeWarning:
            pass
    # SciPy gives up where rounding lifts its exact sum above 1, and then warns and approximates.
    statistic, approximate = [*stats.ks_2samp(x, y, method="asymp")][:2]
    assert approximate > 0.99, approximate
    return [statistic, 1]


answers = {
    "clopperPearson": lambda k, n, confidence: proportion_confint(k, n, alpha=1 - confidence, method="beta"),
    "wilson": lambda k, n, confidence: proportion_confint(k, n, alpha=1 - confidence, method="wilson"),
    "mcnemar": lambda b, c: [
        stats.binomtest(c, b + c, alternative="less").pvalue,
        stats.binom.cdf(c, b + c, 0.5) - stats.binom.pmf(c, b + c, 0.5) / 2,
    ],
    "tango": tango,
    "holm": lambda *family: multipletests(family, method="holm")[1],
    "binomial": lambda k, n, p: [stats.binom.cdf(k, n, p), stats.binom.sf(k - 1, n, p), stats.binom.pmf(k, n, p)],
    "normal": lambda p, z: [special.ndtri(p), special.ndtr(z)],
    "chiSquareTail": lambda x, degrees: [stats.chi2.sf(x, degrees)],
    "sampleRatio": sample_ratio,
    "sampleRatioTail": lambda counts, shares: sample_ratio(counts, shares)[1:],
    "bca": bca,
    "hypergeometric": lambda k, drawn, marked, population: [stats.hypergeom.sf(k - 1, population, marked, drawn)],
    "kolmogorovSmirnov": kolmogorov_smirnov,
    "homogeneity": lambda one, other: [*stats.chi2_contingency([one, other], correction=False)[:2]],
}
name, cases = json.load(sys.stdin)
json.dump([[float(value) for value in answers[name](*case)] for case in cases], sys.stdout)
