"""Reference values for test/statistics/two-sample.test.ts, from SciPy.

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install scipy
    /tmp/reference/bin/python test/statistics/reference/make_two_sample.py

Writes two-sample.json beside itself. Samples with ties are compared with every division of the pooled values, which
scipy.stats.permutation_test enumerates.
"""

import json
import pathlib

import numpy as np
import scipy
from scipy import special, stats

random = np.random.default_rng(17)


def ks(x, y):
    return stats.ks_2samp(x, y, method="asymp").statistic


def chi(x, y):
    names = np.unique(np.concatenate([x, y]))
    table = np.array([[np.sum(sample == name) for name in names] for sample in (x, y)])
    return 0.0 if len(names) < 2 else stats.chi2_contingency(table, correction=False).statistic


def every_division(statistic, x, y):
    return stats.permutation_test((x, y), statistic, n_resamples=np.inf, alternative="greater", vectorized=False).pvalue


def counts(x, categories):
    return [int(np.sum(x == category)) for category in range(categories)]


out = {"versions": {"scipy": scipy.__version__, "numpy": np.__version__}}
out["hypergeometric"] = [
    [k, drawn, marked, population, float(stats.hypergeom.sf(k - 1, population, marked, drawn))]
    for k, drawn, marked, population in
    [(3, 5, 4, 12), (0, 5, 4, 12), (4, 5, 4, 12), (60, 100, 100, 200), (300, 500, 510, 1000), (1300, 2500, 2400, 5000)]
]
out["kolmogorovSmirnov"] = []
for m, n in [(1, 1), (3, 5), (10, 7), (40, 60), (200, 150), (1000, 900)]:
    x, y = random.normal(size=m).round(6), random.normal(0.3, 1.2, size=n).round(6)
    result = stats.ks_2samp(x, y, method="exact")
    out["kolmogorovSmirnov"].append([x.tolist(), y.tolist(), float(result.statistic), float(result.pvalue)])
out["kolmogorovSmirnovTies"] = []
for m, n, values in [(4, 5, 3), (6, 6, 4), (7, 8, 3), (5, 9, 2)]:
    x, y = random.integers(0, values, m).astype(float), random.integers(0, values + 1, n).astype(float)
    out["kolmogorovSmirnovTies"].append([x.tolist(), y.tolist(), float(ks(x, y)), float(every_division(ks, x, y))])
out["kolmogorov"] = [[z, float(special.kolmogorov(z))] for z in (0.3, 0.6, 1.0, 1.358, 2.0, 4.0)]
out["homogeneity"] = []
for one, other in [([50, 50], [70, 30]), ([120, 60, 20], [100, 90, 40]), ([900, 80, 10], [2000, 150, 60])]:
    result = stats.chi2_contingency(np.array([one, other]), correction=False)
    out["homogeneity"].append([one, other, float(result.statistic), float(result.pvalue)])
out["homogeneitySmall"] = []
for m, n, categories in [(6, 6, 3), (5, 9, 2), (8, 7, 4)]:
    x, y = random.integers(0, categories, m), random.integers(0, 2, n)
    out["homogeneitySmall"].append([counts(x, categories), counts(y, categories), float(every_division(chi, x, y))])

path = pathlib.Path(__file__).with_name("two-sample.json")
lines = [f'  "{key}": {json.dumps(value)}' for key, value in out.items()]
path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
