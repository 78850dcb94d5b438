"""Reference values for test/statistics, from implementations that share no code with src/statistics.

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install scipy statsmodels
    /tmp/reference/bin/python test/statistics/reference/make_reference.py

Writes reference.json beside itself. Special functions and intervals come from SciPy and statsmodels. Tango's score is
computed here by numerical maximisation of the likelihood, the exact test and the plans by enumeration of every (b, c).
"""

import json
import pathlib
import platform

import numpy as np
import scipy
import statsmodels
from scipy import optimize, special, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint


def tango_z(b, c, n, margin):
    """The score statistic, the nuisance parameter found by a bounded search instead of the closed form."""
    def score(gain):  # derivative of the log-likelihood in P(baseline wrong, candidate right)
        return (
            (b / (gain + margin) if b else 0)
            + (c / gain if c else 0)
            - (2 * (n - b - c) / (1 - margin - 2 * gain) if b + c < n else 0)
        )

    low, high = 1e-300, (1 - margin) / 2 * (1 - 1e-15)
    if score(low) <= 0:
        gain = 0.0
    elif score(high) >= 0:
        gain = (1 - margin) / 2
    else:
        gain = optimize.brentq(score, low, high, xtol=1e-17, rtol=1e-15, maxiter=1000)
    return (c - b + n * margin) / np.sqrt(n * (2 * gain + margin - margin**2))


def tango_limit(b, c, n, z):
    """The difference at which the score equals z."""
    f = lambda delta: tango_z(b, c, n, -delta) - z if delta <= 0 else -tango_z(c, b, n, delta) - z
    return optimize.brentq(f, -1 + 1e-9, 1 - 1e-9, xtol=1e-14, rtol=1e-14)


def outcomes(n):
    b, c = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    keep = b + c <= n
    return b[keep], c[keep]


def scores(b, c, n, margin):
    """All scores at once; the closed form, which the tests check against the search."""
    delta = -margin
    linear = b + c - (2 * n + b - c) * delta
    p = (linear + np.sqrt(np.maximum(0, linear**2 + 8 * n * b * delta * (1 - delta)))) / (4 * n)
    return (c - b - n * delta) / np.sqrt(n * (2 * p + delta * (1 - delta)))


def log_multinomial(b, c, n):
    return special.gammaln(n + 1) - special.gammaln(b + 1) - special.gammaln(c + 1) - special.gammaln(n - b - c + 1)


def chances(b, c, n, q, difference, constant):
    pb, pc = (q - difference) / 2, (q + difference) / 2
    return np.exp(constant + special.xlogy(b, pb) + special.xlogy(c, pc) + special.xlogy(n - b - c, 1 - q))


def exact_p(cases, n, margin, points):
    """Largest chance of a score at least as large, over a dense grid of discordances."""
    b, c = outcomes(n)
    z = scores(b, c, n, margin)
    constant = log_multinomial(b, c, n)
    observed = [z[(b == case[0]) & (c == case[1])][0] for case in cases]
    masks = np.array([z >= one - 1e-10 for one in observed], dtype=float)
    theta = np.linspace(0, np.pi / 2, points)
    worst = np.zeros(len(cases))
    for q in margin + (1 - margin) * np.sin(theta) ** 2:
        worst = np.maximum(worst, masks @ chances(b, c, n, q, -margin, constant))
    return worst


def plan(n, q, difference, margin, exact_points=None):
    b, c = outcomes(n)
    z = scores(b, c, n, margin)
    chance = chances(b, c, n, q, difference, log_multinomial(b, c, n))
    passed = z >= stats.norm.ppf(0.95)
    if exact_points:
        levels = np.unique(np.round(z[passed], 9))
        low, high = 0, len(levels) - 1
        constant = log_multinomial(b, c, n)
        theta = np.linspace(0, np.pi / 2, exact_points)
        qs = margin + (1 - margin) * np.sin(theta) ** 2
        while low < high:
            middle = (low + high) // 2
            mask = z >= levels[middle] - 1e-8
            worst = max(float(np.sum(chances(b[mask], c[mask], n, one, -margin, constant[mask]))) for one in qs)
            low, high = (low, middle) if worst <= 0.05 else (middle + 1, high)
        passed = z >= levels[low] - 1e-8
    mid = stats.binom.cdf(c, b + c, 0.5) - stats.binom.pmf(c, b + c, 0.5) / 2
    failed = ~passed & (b > c) & (mid <= 0.05)
    return [float(chance[passed].sum()), float(chance[failed].sum()), float(chance[~passed & ~failed].sum())]


def main():
    out = {
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "statsmodels": statsmodels.__version__,
        }
    }
    zs = [-38, -20, -9, -7.2, -7, -5, -3.3, -1.6448536269514722, -1, -0.3, 0, 1e-9, 0.5, 1, 2, 4.5, 7.5]
    out["normalCdf"] = [[z, float(stats.norm.cdf(z))] for z in zs]
    ps = [1e-300, 1e-100, 1e-20, 1e-12, 1e-6, 0.001, 0.02425, 0.05, 0.074, 0.076, 0.3, 0.5, 0.7, 0.95, 0.999, 1 - 1e-9]
    out["normalQuantile"] = [[p, float(special.ndtri(p))] for p in ps]
    out["logGamma"] = [[x, float(special.gammaln(x))] for x in [1e-5, 0.1, 0.5, 1, 1.5, 2, 3.7, 10, 16, 123.4, 1e4, 1e7]]
    triples = [
        (a, b, x)
        for a, b in [(0.5, 0.5), (1, 1), (1, 150), (2, 3), (0.3, 40), (17, 84), (500, 226), (5000.5, 5000.5), (3e5, 7e5)]
        for x in [1e-6, 0.01, 0.05, 0.3, 0.5, 0.5003, 0.6999, 0.7, 0.95]
    ]
    triples += [(5e5, 5e5 + 1, 0.5), (500001, 499000, 0.501), (3e5, 7e5, 0.3002)]
    out["regularizedBeta"] = [[x, a, b, float(special.betainc(a, b, x))] for a, b, x in triples]
    out["inverseBeta"] = [
        [p, a, b, float(special.betaincinv(a, b, p))]
        for a, b in [(1, 20), (20, 1), (4, 17), (99, 902), (0.5, 0.5), (700000, 300001)]
        for p in [1e-8, 0.001, 0.025, 0.05, 0.5, 0.95, 0.999]
    ]
    out["binomialPmf"] = [
        [k, n, p, float(stats.binom.pmf(k, n, p))]
        for k, n, p in [(0, 10, 0.3), (10, 10, 0.3), (3, 10, 0.3), (1, 1000, 0.02), (20, 1000, 0.02), (90, 1000, 0.02)]
        + [(499000, 1000000, 0.5), (0, 1000000, 1e-6), (15, 31, 0.5), (16, 33, 0.5)]
    ]
    out["clopperPearson"] = [
        [k, n, confidence, *(float(v) for v in proportion_confint(k, n, alpha=1 - confidence, method="beta"))]
        for k, n in [(0, 1), (0, 10), (10, 10), (1, 10), (7, 20), (13, 50), (22, 100), (713, 725), (999997, 1000000)]
        for confidence in [0.9, 0.95, 0.999]
    ]
    pairs = [(0, 0), (1, 0), (0, 1), (5, 0), (7, 1), (16, 6), (25, 2), (10, 10), (120, 90), (500500, 499500), (1000000, 0)]
    out["mcnemar"] = [
        [
            b,
            c,
            float(stats.binom.cdf(c, b + c, 0.5)),
            float(stats.binom.cdf(c, b + c, 0.5) - stats.binom.pmf(c, b + c, 0.5) / 2),
            float(mcnemar([[0, b], [c, 0]], exact=True).pvalue),
        ]
        for b, c in pairs
    ]
    tables = [(0, 0, 100), (1, 0, 44), (0, 1, 44), (1, 7, 21), (6, 16, 161), (14, 15, 725), (40, 20, 160), (0, 30, 300)]
    tables += [(30, 0, 300), (3, 5, 8), (50000, 49000, 1000000)]
    z95 = stats.norm.ppf(0.95)
    out["tango"] = [
        [
            b, c, n, margin,
            float(tango_z(b, c, n, margin)),
            float(tango_limit(b, c, n, z95)),
            float(tango_limit(b, c, n, -z95)),
        ]
        for b, c, n in tables
        for margin in [0.01, 0.02, 0.1, 0.4]
    ]
    out["exactNonInferiority"] = [
        [b, c, n, margin, float(p)]
        for n, margin, points, cases in [
            (10, 0.1, 40001, [(0, 0), (0, 1), (1, 0), (0, 5), (2, 6), (5, 5), (0, 10), (10, 0)]),
            (44, 0.1, 20001, [(0, 0), (1, 0), (0, 1), (3, 4), (0, 6), (9, 16)]),
            (133, 0.02, 8001, [(0, 0), (0, 1), (1, 3), (2, 5), (20, 31)]),
            (149, 0.02, 8001, [(0, 0), (1, 1), (1, 4), (30, 45)]),
            (300, 0.02, 4001, [(1, 1), (2, 3), (4, 7), (10, 14), (90, 105)]),
        ]
        for (b, c), p in zip(cases, exact_p(cases, n, margin, points))
    ]
    families = [[0.01, 0.04, 0.03, 0.005], [0.5], [0.9, 0.9, 0.9], [0, 0.02, 1, 0.02, 0.7], [0.001] * 5, [0.049, 0.2]]
    out["holm"] = [[family, [float(p) for p in multipletests(family, method="holm")[1]]] for family in families]
    out["plan"] = [
        [n, q, difference, margin, "score", *plan(n, q, difference, margin)]
        for n, q, difference, margin in [
            (20, 0.5, 0, 0.1), (68, 0.5, 0, 0.02), (100, 0.1, 0, 0.02), (133, 0.02, -0.02, 0.02),
            (300, 0.02, -0.02, 0.02), (300, 0.3, -0.05, 0.03), (500, 0.1, -0.1, 0.02), (500, 0.1, 0.1, 0.02),
            (200, 0, 0, 0.02), (200, 1, 0.2, 0.02),
        ]
    ] + [
        [n, q, difference, margin, "score-and-exact", *plan(n, q, difference, margin, points)]
        for n, q, difference, margin, points in [
            (40, 0.2, 0, 0.1, 4001), (133, 0.02, -0.02, 0.02, 2001), (149, 0, 0, 0.02, 2001), (300, 0.05, 0, 0.02, 1201),
        ]
    ]
    path = pathlib.Path(__file__).with_name("reference.json")
    lines = [f'  "versions": {json.dumps(out.pop("versions"))}']
    lines += [f'  "{key}": [\n    ' + ",\n    ".join(json.dumps(row) for row in rows) + "\n  ]" for key, rows in out.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
