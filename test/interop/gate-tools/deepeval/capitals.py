"""Five questions about capitals, without a model: four answers are right. A metric fails on one and times out on another."""

from deepeval import evaluate
from deepeval.evaluate.configs import AsyncConfig, DisplayConfig, ErrorConfig
from deepeval.metrics import BaseMetric, ExactMatchMetric
from deepeval.test_case import LLMTestCase

CAPITALS = {"France": "Paris", "Italy": "Rome", "Peru": "Lima", "Spain": "Madrid", "Norway": "Oslo"}
ANSWERS = {"France": "Paris", "Italy": "Milan", "Peru": "Lima", "Spain": "Madrid", "Norway": "Oslo"}


class Length(BaseMetric):
    def __init__(self):
        self.threshold = 0.5
        self.async_mode = False

    def measure(self, case, *args, **kwargs):
        if case.name == "Spain":
            raise RuntimeError("the judge is down")
        if case.name == "Norway":
            raise TimeoutError("the judge timed out")
        self.score = len(case.actual_output) / 10
        self.success = self.score >= self.threshold
        self.reason = "length"
        return self.score

    async def a_measure(self, case, *args, **kwargs):
        return self.measure(case)

    def is_successful(self):
        return self.success

    @property
    def __name__(self):
        return "Length"


cases = [
    LLMTestCase(
        name=country,
        input=f"What is the capital of {country}?",
        actual_output=ANSWERS[country],
        expected_output=capital,
    )
    for country, capital in CAPITALS.items()
]
# Two runs of each.
evaluate(
    cases * 2,
    metrics=[ExactMatchMetric(), Length()],
    async_config=AsyncConfig(run_async=False),
    display_config=DisplayConfig(show_indicator=False, print_results=False, results_folder="out"),
    error_config=ErrorConfig(ignore_errors=True),
)
