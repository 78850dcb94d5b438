# Asks a server with the clients of Triton and MLflow. Arguments: the client, the address, the token. Prints what they return.
import json
import sys

client, url, token = sys.argv[1:4]
texts = ["apple 1", "plum ü"]


def triton():
    import numpy
    import tritonclient.http as http

    server = http.InferenceServerClient(url.removeprefix("http://"))
    headers = {"Authorization": f"Bearer {token}"}

    def infer(binary=False, headers=headers, **options):
        tensor = http.InferInput("text", [len(texts)], "BYTES")
        tensor.set_data_from_numpy(numpy.array(texts, dtype=object), binary_data=binary)
        return server.infer("mail", [tensor], headers=headers, **options)

    def refusal(**options):
        try:
            infer(**options)
        except http.InferenceServerException as error:
            return str(error)

    every = infer(request_id="7")
    label = http.InferRequestedOutput("label", binary_data=False)
    return {
        "ready": [
            server.is_server_live(),
            server.is_server_ready(),
            server.is_model_ready("mail", headers=headers),
            server.is_model_ready("mail", "0.1.0", headers=headers),
        ],
        "metadata": server.get_model_metadata("mail", headers=headers),
        "id": every.get_response()["id"],
        "labels": every.as_numpy("label").tolist(),
        "probabilities": every.as_numpy("probabilities").tolist(),
        "only": infer(model_version="0.1.0", outputs=[label]).as_numpy("label").tolist(),
        "binary": refusal(binary=True),
        "withoutToken": refusal(headers={}),
        "otherVersion": refusal(model_version="9.9.9"),
    }


def mlflow():
    import pandas
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    server = ScoringServerClient("127.0.0.1", url.rsplit(":", 1)[1])
    server.wait_server_ready(timeout=10)

    def labels(data):
        return server.invoke(data).get_predictions()[0].tolist()

    try:
        server.invoke(texts, params={"temperature": 1})
        refused = None
    except Exception as error:
        refused = str(error)
    return {
        "version": server.get_version(),
        "frame": labels(pandas.DataFrame({"text": texts})),
        "list": labels(texts),
        "refused": refused,
    }


print(json.dumps({"triton": triton, "mlflow": mlflow}[client]()))
