"""Five questions about capitals, without a model: three are answered (two correctly), one fails, one times out."""

import anyio
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Score, match, mean, scorer
from inspect_ai.solver import solver

CAPITALS = {"France": "Paris", "Italy": "Rome", "Peru": "Lima", "Spain": "Madrid", "Norway": "Oslo"}
ANSWERS = {"France": "Paris", "Italy": "Milan", "Peru": "Lima"}


@solver
def look_up():
    async def solve(state, generate):
        country = state.metadata["country"]
        if country == "Spain":
            raise RuntimeError("the service is down")
        if country == "Norway":
            await anyio.sleep(60)
        state.output = ModelOutput.from_content("lookup", ANSWERS[country])
        return state

    return solve


@scorer(metrics={"characters": [mean()], "brief": [mean()]})
def length():
    async def score(state, target):
        answer = state.output.completion
        return Score(value={"characters": len(answer), "brief": len(answer) < 5}, answer=answer)

    return score


@task
def capitals():
    samples = [
        Sample(id=country, input=f"What is the capital of {country}?", target=capital, metadata={"country": country})
        for country, capital in CAPITALS.items()
    ]
    return Task(dataset=samples, solver=look_up(), scorer=[match(), length()], time_limit=5)
