"""Journals of Optuna. {"read": path} says what Optuna reads of ours; {"write": path} writes studies, and says what Optuna reads of them."""

import json
import math
import sys

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

optuna.logging.set_verbosity(optuna.logging.ERROR)
question = json.load(sys.stdin)


def said(study):
    return {
        "name": study.study_name,
        "direction": study.direction.name,
        "metric": study.metric_names,
        "best": study.best_trial.number,
        "trials": [
            {
                "number": trial.number,
                "state": trial.state.name,
                "value": trial.value if trial.value is None or math.isfinite(trial.value) else None,
                "parameters": trial.params,
                "intermediate": {
                    str(step): None if math.isnan(value) else value for step, value in trial.intermediate_values.items()
                },
                "seconds": None if trial.duration is None else round(trial.duration.total_seconds(), 3),
                "attributes": trial.user_attrs,
            }
            for trial in study.trials
        ],
    }


def objective(trial):
    rate = trial.suggest_float("rate", 1e-4, 0.1, log=True)
    share = trial.suggest_float("share", 0, 1, step=0.25)
    layers = trial.suggest_int("layers", 1, 9, step=2)
    kind = trial.suggest_categorical("kind", ["adam", None, True, 3, 0.5])
    if kind == "adam":
        trial.suggest_float("momentum", 0, 1)
    for step in range(3):
        trial.report(math.nan if layers == 9 else rate * step, step)
    if trial.number % 5 == 2:
        raise optuna.TrialPruned()
    if trial.number % 5 == 3:
        return math.nan
    return share + rate


storage = JournalStorage(JournalFileBackend(question.get("read") or question["write"]))
if "write" in question:
    optuna.create_study(study_name="empty", storage=storage)
    study = optuna.create_study(
        study_name="ours", direction="maximize", storage=storage, sampler=optuna.samplers.RandomSampler(seed=question["seed"])
    )
    study.set_metric_names(["f1"])
    study.optimize(objective, n_trials=40)
    study.enqueue_trial({"rate": 0.01})
    study.ask()
print(json.dumps(said(optuna.load_study(study_name=question["study"], storage=storage))))
