"""Calls HfApi's methods one after the other; prints of each what it gave, or which error it raised."""

import dataclasses
import json
import sys

from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError

operations = {"add": CommitOperationAdd, "copy": CommitOperationCopy, "delete": CommitOperationDelete}


def given(options):
    """Operations come as [kind, options]."""
    if "operations" in options:
        made = [operations[kind](**fields) for kind, fields in options["operations"]]
        return {**options, "operations": made}
    return options


def plain(value):
    if dataclasses.is_dataclass(value):
        return plain(vars(value))
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    try:
        return [plain(one) for one in value]
    except TypeError:
        return plain(vars(value)) if hasattr(value, "__dict__") else str(value)


question = json.load(sys.stdin)
api = HfApi(endpoint=question["endpoint"], token=question["token"])


def delete_large_files(repo_id, filename):
    """What is listed is what is deleted."""
    listed = list(api.list_lfs_files(repo_id))
    api.permanently_delete_lfs_files(repo_id, [one for one in listed if one.filename == filename], rewrite_history=False)
    return listed


answers = []
for name, options in question["calls"]:
    call = delete_large_files if name == "delete_large_files" else getattr(api, name)
    try:
        result = call(**given(options))
        answers.append({"value": plain(result)})
    except HfHubHTTPError as error:
        answers.append({"error": type(error).__name__, "status": error.response.status_code})
print(json.dumps(answers))
