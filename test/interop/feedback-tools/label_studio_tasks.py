# A server of Label Studio on loopback: imports the tasks of each folder, annotates them through its API, and exports them.
import json
import os
import sys
import urllib.request
from pathlib import Path

from server import free_port, running

out, *folders = map(Path, sys.argv[1:])
port = free_port()
url = f"http://127.0.0.1:{port}"
token = "0123456789abcdef0123456789abcdef01234567"
env = {
    **os.environ,
    "LABEL_STUDIO_BASE_DATA_DIR": str(out / "data"),
    "LABEL_STUDIO_USERNAME": "ann@example.com",
    "LABEL_STUDIO_PASSWORD": "a-long-password",
    "LABEL_STUDIO_USER_TOKEN": token,
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
    "COLLECT_ANALYTICS": "false",
    "LATEST_VERSION_CHECK": "false",
}


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/{path}", data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{method} {path} gave {error.code}: {error.read()[:1000]}") from error


def asked(method, path, body=None):
    return json.loads(call(method, path, body))


def label(folder):
    """A project of tasks.json, labelled as labels.json says; what the API answered and its exports are written beside them."""
    wanted = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    project = asked("POST", "api/projects", {"title": folder.name, "label_config": wanted["config"]})["id"]
    tasks = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    imported = asked("POST", f"api/projects/{project}/import?return_task_ids=true", tasks)
    # In the order of the tasks; the rest stays as imported.
    for task, annotations in zip(imported["task_ids"], wanted["annotations"]):
        for one in annotations:
            body = {"result": one["result"], "was_cancelled": one.get("was_cancelled", False)}
            if one.get("by") == "bob":
                body["completed_by"] = bob
            made = asked("POST", f"api/tasks/{task}/annotations/", body)["id"]
            if one.get("deleted"):
                call("DELETE", f"api/annotations/{made}/")
    (folder / "imported.json").write_text(json.dumps(imported), encoding="utf-8")
    for kind, name in [("JSON", "export.json"), ("JSON_MIN", "export-min.json"), ("CSV", "export.csv")]:
        more = "&download_all_tasks=true" if kind == "JSON" else ""
        (folder / name).write_bytes(call("GET", f"api/projects/{project}/export?exportType={kind}{more}"))


command = [Path(sys.executable).parent / "label-studio", "start", "--no-browser", "--internal-host", "127.0.0.1"]
with running([*command, "--port", str(port)], env, f"{url}/health", out / "server.log"):
    bob = asked("POST", "api/users/", {"email": "bob@example.com", "username": "bob"})["id"]
    for folder in folders:
        label(folder)
