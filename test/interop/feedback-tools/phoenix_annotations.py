# A server of Phoenix on loopback: spans and annotations through its client, and its own export of the annotations.
import json
import os
import sys
import time
import urllib.request
from pathlib import Path

import httpx
from phoenix.client import Client
from server import free_port, running

out = Path(sys.argv[1])
prediction = "01m8kfa7ts2rjb6h5qgx"
port, grpc = free_port(), free_port()
url = f"http://127.0.0.1:{port}"
env = {
    **os.environ,
    "PHOENIX_WORKING_DIR": str(out / "data"),
    "PHOENIX_HOST": "127.0.0.1",
    "PHOENIX_PORT": str(port),
    "PHOENIX_GRPC_PORT": str(grpc),
    "PHOENIX_TELEMETRY_ENABLED": "false",
    "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
}


def span(number):
    return {
        "name": "predict",
        "context": {"trace_id": f"{number:032x}", "span_id": f"{number:016x}"},
        "span_kind": "CHAIN",
        "start_time": "2026-03-01T12:00:00+00:00",
        "end_time": "2026-03-01T12:00:01+00:00",
        "status_code": "OK",
        "attributes": {},
    }


def annotation(number, name, result, kind="HUMAN", **more):
    at = {"span_id": f"{number:016x}", "name": name, "annotator_kind": kind}
    return {**at, "result": result, "metadata": {"prediction": f"{prediction}/{number}"}, **more}


def count_spans(client):
    """Spans, and their project with the first of them, are taken into the database a little later."""
    try:
        return len(client.spans.get_spans(project_identifier="mails", limit=100))
    except httpx.HTTPStatusError as error:
        if error.response.status_code == 404:
            return 0
        raise


with running([Path(sys.executable).parent / "phoenix", "serve"], env, f"{url}/healthz", out / "server.log"):
    client = Client(base_url=url)
    numbers = range(1, 9)
    client.spans.log_spans(project_identifier="mails", spans=[span(number) for number in numbers])
    while count_spans(client) < len(numbers):
        time.sleep(0.2)
    client.spans.log_span_annotations(
        span_annotations=[
            annotation(1, "thumb", {"label": "thumbs-up", "score": 1}, identifier="ann"),
            annotation(1, "thumb", {"label": "👎", "score": 0}, identifier="bob"),
            annotation(2, "label", {"label": "Lieferung 📦", "explanation": "es geht um ein „Paket“"}, identifier="ann"),
            annotation(3, "quality", {"score": 0.25}, identifier="ann"),
            annotation(4, "quality", {"score": 7}, identifier="ann"),
            annotation(5, "judge", {"label": "login", "score": 1}, kind="LLM"),
            annotation(5, "regex", {"label": "login"}, kind="CODE"),
            # Without the id of an answer: the span's own id is taken.
            {**annotation(6, "label", {"label": "login"}, identifier="bob"), "metadata": {}},
            annotation(7, "label", {"label": "wrong"}, identifier="ann"),
            annotation(7, "label", {"label": "shipping"}, identifier="ann"),
            annotation(8, "label", {"label": "gone"}, identifier="ann"),
        ],
        sync=True,
    )
    client.spans.add_span_note(span_id=f"{2:016x}", note="a note in the page")
    # An annotation that is deleted with its span.
    request = urllib.request.Request(f"{url}/v1/spans/{8:016x}", method="DELETE")
    urllib.request.urlopen(request, timeout=30).close()
    ids = [f"{number:016x}" for number in numbers]
    found = client.spans.get_span_annotations(
        span_ids=ids, project_identifier="mails", exclude_annotation_names=[]
    )
    (out / "annotations.json").write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    query = "&".join(f"span_ids={one}" for one in ids)
    with urllib.request.urlopen(f"{url}/v1/projects/mails/span_annotations?{query}", timeout=30) as answer:
        (out / "answer.json").write_bytes(answer.read())
    frame = client.spans.get_span_annotations_dataframe(span_ids=ids, project_identifier="mails")
    frame.reset_index().to_json(out / "frame.jsonl", orient="records", lines=True, force_ascii=False)
