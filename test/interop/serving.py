# Asks a server with the clients of Triton, MLflow and OpenAI. Arguments: the client, the address, the token. Prints what they return.
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


def openai():
    import openai

    server = openai.OpenAI(base_url=f"{url}/v1", api_key=token, max_retries=0)
    ask = {"model": "mail", "messages": [{"role": "user", "content": texts[1]}]}

    def refusal(**options):
        try:
            server.chat.completions.create(**ask, **options)
        except openai.APIStatusError as error:
            return [error.status_code, error.param]

    stream = server.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    whole = server.chat.completions.create(**ask, temperature=0, max_tokens=5)
    return {
        "models": [model.id for model in server.models.list()],
        "parts": [chunk.choices[0].delta.content for chunk in chunks if chunk.choices],
        "usage": chunks[-1].usage.total_tokens,
        "whole": [whole.choices[0].message.content, whole.choices[0].finish_reason],
        "completion": server.completions.create(model="mail", prompt=texts[1]).choices[0].text,
        "refused": [refusal(n=2), refusal(logprobs=True), refusal(temperature=9)],
    }


print(json.dumps({"triton": triton, "mlflow": mlflow, "openai": openai}[client]()))
