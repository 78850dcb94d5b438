# Minimises the functions of test/tune/functions.ts with Optuna's TPE: the best loss of each seed after so many trials.
import json
import math
import sys

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
question = json.load(sys.stdin)
weights = [1, 1.2, 3, 3.2]


def branin(trial):
    x, y = trial.suggest_float("x", -5, 10), trial.suggest_float("y", 0, 15)
    valley = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return valley**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann6(trial):
    point = [trial.suggest_float(f"x{index}", 0, 1) for index in range(6)]
    distances = [
        sum(slope * (x - centre) ** 2 for slope, x, centre in zip(slopes, point, centres))
        for slopes, centres in zip(question["slopes"], question["centres"])
    ]
    return -sum(weight * math.exp(-distance) for weight, distance in zip(weights, distances))


def best(loss, seed):
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True))
    study.optimize(loss, n_trials=question["trials"])
    return study.best_value


seeds = range(question["seeds"])
losses = {"Branin": branin, "Hartmann-6": hartmann6}
print(json.dumps({name: [best(loss, seed) for seed in seeds] for name, loss in losses.items()}))
