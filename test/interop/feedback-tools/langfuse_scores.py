# Scores as the API of Langfuse answers them, made and written by the classes of its Python SDK: its server needs containers.
import json
import sys
from datetime import datetime, timezone
from pathlib import Path

from langfuse.api import (
    GetScoresV3Meta,
    GetScoresV3Response,
    Score_Boolean,
    Score_Categorical,
    Score_Correction,
    Score_Numeric,
    Score_Text,
    ScoreSubjectV3_Experiment,
    ScoreSubjectV3_Observation,
    ScoreSubjectV3_Session,
    ScoreSubjectV3_Trace,
    ScoreV3_Boolean,
    ScoreV3_Categorical,
    ScoreV3_Correction,
    ScoreV3_Numeric,
    ScoreV3_Text,
)

out = Path(sys.argv[1])
trace = "01m8kfa7ts2rjb6h5qgx"
at = datetime(2026, 3, 1, 12, 30, tzinfo=timezone.utc)
times = {"timestamp": at, "created_at": at, "updated_at": at, "environment": "default"}
ann = {"source": "ANNOTATION", "author_user_id": "user-ann"}
bob = {"source": "ANNOTATION", "author_user_id": "user-bob"}
api = {"source": "API"}

# What each score says: the class, its value, and who gave it.
said = [
    ("Boolean", {"value": 1, "string_value": "True"}, {"value": True}, ann),
    ("Boolean", {"value": 0, "string_value": "False"}, {"value": False}, bob),
    ("Numeric", {"value": 0.25}, {"value": 0.25}, {**ann, "comment": "halb richtig – „naja“"}),
    ("Numeric", {"value": 4}, {"value": 4}, ann),
    ("Numeric", {"value": 0.9}, {"value": 0.9}, {"source": "EVAL"}),
    ("Categorical", {"value": 2, "string_value": "Lieferung 📦"}, {"value": "Lieferung 📦"}, ann),
    ("Categorical", {"value": 0, "string_value": "thumbs-down"}, {"value": "thumbs-down"}, api),
    ("Text", {"value": 0, "string_value": "not what I asked"}, {"value": "not what I asked"}, bob),
    ("Correction", {"value": 0, "string_value": "up"}, {"value": "up"}, ann),
    ("Correction", {"value": 0, "string_value": ""}, {"value": ""}, bob),
]
classes = {
    "Boolean": (Score_Boolean, ScoreV3_Boolean),
    "Numeric": (Score_Numeric, ScoreV3_Numeric),
    "Categorical": (Score_Categorical, ScoreV3_Categorical),
    "Text": (Score_Text, ScoreV3_Text),
    "Correction": (Score_Correction, ScoreV3_Correction),
}

scores, scores_v3 = [], []
for index, (kind, value, value_v3, more) in enumerate(said):
    old, new = classes[kind]
    common = {"id": f"score-{index}", "name": kind.lower(), **times, **more}
    scores.append(old(trace_id=f"{trace}/{index}", **value, **common))
    subject = ScoreSubjectV3_Trace(id=f"{trace}/{index}")
    scores_v3.append(new(project_id="project", subject=subject, **value_v3, **common))
# Scores of a session, an observation and an experiment.
session = {"id": "score-session", "name": "session", "value": 1, **times, **ann}
scores.append(Score_Numeric(session_id="session", **session))
scores.append(Score_Numeric(trace_id=trace, observation_id="span", **{**session, "id": "score-observation"}))
subjects = {
    "session": ScoreSubjectV3_Session(id="session"),
    "observation": ScoreSubjectV3_Observation(id="span", trace_id=trace),
    "experiment": ScoreSubjectV3_Experiment(id="experiment"),
}
for name, subject in subjects.items():
    scores_v3.append(ScoreV3_Numeric(project_id="project", subject=subject, **{**session, "id": f"score-{name}"}))

(out / "scores.json").write_text(f"[{','.join(score.json() for score in scores)}]", encoding="utf-8")
# As a program that has read them with the SDK writes them.
for name, all_scores in [("scores-fields.jsonl", scores), ("scores-v3-fields.jsonl", scores_v3)]:
    rows = [json.dumps(score.model_dump(mode="json", by_alias=False)) for score in all_scores]
    (out / name).write_text("\n".join(rows), encoding="utf-8")
response = GetScoresV3Response(data=scores_v3, meta=GetScoresV3Meta(limit=50))
(out / "scores-v3.json").write_text(response.json(), encoding="utf-8")
