# A server of Label Studio on loopback: imports tasks, annotates them through its API, and exports them.
import json
import os
import sys
import urllib.request
from pathlib import Path

from server import free_port, running

out, tasks_file = Path(sys.argv[1]), Path(sys.argv[2])
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
# The control and the object that our task files name, and controls of other kinds.
config = """<View>
  <Text name="text" value="$text"/>
  <Choices name="label" toName="text" choice="multiple">
    <Choice value="login"/><Choice value="Lieferung 📦"/><Choice value="account"><Choice value="closed"/></Choice>
  </Choices>
  <Taxonomy name="topic" toName="text"><Choice value="account"><Choice value="closed"/></Choice></Taxonomy>
  <TextArea name="comment" toName="text"/>
  <Number name="hours" toName="text"/>
  <Rating name="stars" toName="text"/>
</View>"""


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


def control(name, kind, **value):
    return {"from_name": name, "to_name": "text", "type": kind, "value": value}


def choose(*labels):
    return control("label", "choices", choices=list(labels))


comment = control("comment", "textarea", text=["war „dringend“"])
# What is annotated at each task, in the order of the tasks; the rest stays as imported.
annotations = [
    [{"result": [choose("Lieferung 📦")]}],
    [{"result": [choose("login")]}, {"result": [choose("account")], "by": "bob"}],
    [{"result": [choose("login", "account")]}],
    [{"result": [], "was_cancelled": True}],
    [{"result": [choose("login")], "deleted": True}, {"result": [choose("Lieferung 📦")], "by": "bob"}],
    [{"result": [choose("login"), comment, control("stars", "rating", rating=2)]}],
    [{"result": [control("stars", "rating", rating=4)]}],
    [{"result": [control("topic", "taxonomy", taxonomy=[["account", "closed"]])]}],
    [{"result": [comment]}],
    [{"result": [control("hours", "number", number=2.5)]}],
    [{"result": []}],
]

command = [Path(sys.executable).parent / "label-studio", "start", "--no-browser", "--internal-host", "127.0.0.1"]
with running([*command, "--port", str(port)], env, f"{url}/health", out / "server.log"):
    project = asked("POST", "api/projects", {"title": "mails", "label_config": config})["id"]
    tasks = json.loads(tasks_file.read_text(encoding="utf-8"))
    imported = asked("POST", f"api/projects/{project}/import?return_task_ids=true", tasks)
    ids = imported["task_ids"]
    bob = asked("POST", "api/users/", {"email": "bob@example.com", "username": "bob"})["id"]
    for task, wanted in zip(ids, annotations):
        for one in wanted:
            body = {"result": one["result"], "was_cancelled": one.get("was_cancelled", False)}
            if one.get("by") == "bob":
                body["completed_by"] = bob
            made = asked("POST", f"api/tasks/{task}/annotations/", body)["id"]
            if one.get("deleted"):
                call("DELETE", f"api/annotations/{made}/")
    (out / "imported.json").write_text(json.dumps(imported), encoding="utf-8")
    for kind, name in [("JSON", "export.json"), ("JSON_MIN", "export-min.json"), ("CSV", "export.csv")]:
        more = "&download_all_tasks=true" if kind == "JSON" else ""
        (out / name).write_bytes(call("GET", f"api/projects/{project}/export?exportType={kind}{more}"))
