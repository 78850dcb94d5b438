# Makes a Feast repository with the views and rows in a question, and answers what Feast joins to samples.
import json
import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, Int64, String

question = json.load(sys.stdin)
folder = Path(question["folder"])
(folder / "data").mkdir(parents=True, exist_ok=True)
(folder / "feature_store.yaml").write_text(
    "project: sheikh\nregistry: data/registry.db\nprovider: local\n"
    "online_store: { type: sqlite, path: data/online.db }\nentity_key_serialization_version: 3\n"
)
types = {"x": Float64, "s": String, "n": Int64}
entities = {
    "driver": Entity(name="driver_entity", join_keys=["driver"], value_type=ValueType.INT64),
    "shop": Entity(name="shop_entity", join_keys=["shop"], value_type=ValueType.STRING),
}
views, names = [], []
for view in question["views"]:
    rows = view["rows"]
    stamp = pa.timestamp(view["unit"], tz="UTC" if view["zone"] else None)
    per = {"ms": 1, "us": 1_000, "ns": 1_000_000}[view["unit"]]
    columns = {key: [row[key] for row in rows] for key in view["entities"]}
    arrays = {key: pa.array(values, pa.int64() if key == "driver" else pa.string()) for key, values in columns.items()}
    for time in ("t", "c"):
        arrays[time] = pa.array([row[time] * per for row in rows], pa.int64()).cast(stamp)
    arrow = {"x": pa.float64(), "s": pa.string(), "n": pa.int64()}
    for feature in view["features"]:
        arrays[f"col_{feature}" if view["mapped"] else feature] = pa.array(
            [row[feature] for row in rows], arrow[feature]
        )
    path = folder / "data" / f"{view['name']}.parquet"
    pq.write_table(pa.table(arrays), path)
    source = FileSource(
        name=f"{view['name']}_source",
        path=f"data/{view['name']}.parquet",
        timestamp_field="t",
        created_timestamp_column="c",
        field_mapping={f"col_{feature}": feature for feature in view["features"]} if view["mapped"] else None,
    )
    views.append(
        FeatureView(
            name=view["name"],
            entities=[entities[key] for key in view["entities"]],
            ttl=timedelta(milliseconds=view["ttlMs"]),
            schema=[Field(name=feature, dtype=types[feature]) for feature in view["features"]],
            source=source,
        )
    )
    names += [f"{view['name']}:{feature}" for feature in view["features"]]

store = FeatureStore(repo_path=str(folder))
store.apply([*entities.values(), *views])
if question.get("service"):
    store.apply([FeatureService(name=question["service"], features=views)])
answers = {}
if question.get("samples"):
    samples = pd.DataFrame(question["samples"])
    samples["event_timestamp"] = pd.to_datetime(samples.pop("at"), unit="ms", utc=True)
    for name, options in {"allow": {}, "skip": {"filter_by_created_timestamp": True}}.items():
        job = store.get_historical_features(entity_df=samples, features=names, full_feature_names=True, **options)
        answers[name] = json.loads(job.to_df().drop(columns="event_timestamp").to_json(orient="records"))
if question.get("materialize"):
    store.materialize(
        pd.Timestamp(question["materialize"][0], unit="ms", tz="UTC").to_pydatetime(),
        pd.Timestamp(question["materialize"][1], unit="ms", tz="UTC").to_pydatetime(),
    )
print()
print(json.dumps(answers))
