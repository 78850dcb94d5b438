# Makes the rows and samples of the bench (make <folder> <rows> <samples>), or joins them with Feast (join <folder>).
import json
import resource
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

action, folder = sys.argv[1], Path(sys.argv[2])
start = pd.Timestamp("2026-01-01", tz="UTC")
if action == "make":
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.types import Float64, Int64

    rows, samples = int(sys.argv[3]), int(sys.argv[4])
    random = np.random.default_rng(18)
    drivers, minutes = rows // 100, 200_000
    time = lambda count: start + pd.to_timedelta(random.integers(0, minutes, count), unit="min")
    frame = pd.DataFrame({"driver": random.integers(0, drivers, rows), "t": time(rows), "x": random.random(rows)})
    frame["n"] = np.arange(rows)
    # Two rows of one time would leave the result open.
    frame = frame.drop_duplicates(["driver", "t"])
    frame["c"] = frame["t"]
    (folder / "data").mkdir(parents=True)
    (folder / "samples").mkdir()
    frame.to_parquet(folder / "data/drivers.parquet", index=False)
    asked = pd.DataFrame({"driver": random.integers(0, drivers, samples), "event_timestamp": time(samples)})
    asked = asked.drop_duplicates()
    asked.to_parquet(folder / "asked.parquet", index=False)
    at = asked["event_timestamp"].astype("int64") // {"ns": 1_000_000, "us": 1_000, "ms": 1}[asked["event_timestamp"].dt.unit]
    with open(folder / "samples/all.jsonl", "w") as file:
        for number, (driver, ms) in enumerate(zip(asked["driver"].tolist(), at.tolist())):
            file.write(json.dumps({"id": f"s{number}", "driver": driver, "at": ms}) + "\n")
    (folder / "feature_store.yaml").write_text(
        "project: sheikh\nregistry: data/registry.db\nprovider: local\n"
        "online_store: { type: sqlite, path: data/online.db }\nentity_key_serialization_version: 3\n"
    )
    driver = Entity(name="driver_entity", join_keys=["driver"], value_type=ValueType.INT64)
    source = FileSource(path="data/drivers.parquet", timestamp_field="t", created_timestamp_column="c")
    schema = [Field(name="x", dtype=Float64), Field(name="n", dtype=Int64)]
    view = FeatureView(name="drivers", entities=[driver], ttl=timedelta(days=30), schema=schema, source=source)
    FeatureStore(repo_path=str(folder)).apply([driver, view])
else:
    from feast import FeatureStore

    asked = pd.read_parquet(folder / "asked.parquet")
    store = FeatureStore(repo_path=str(folder))
    found = store.get_historical_features(entity_df=asked, features=["drivers:x", "drivers:n"]).to_df()
    used = resource.getrusage(resource.RUSAGE_SELF)
    values = found["x"].dropna()
    answer = {"values": len(values), "sum": float(values.sum())}
    print(json.dumps({**answer, "cpuSeconds": used.ru_utime + used.ru_stime, "maxRss": used.ru_maxrss}))
