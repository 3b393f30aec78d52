"""What BentoML itself costs: an API that returns a constant, with its defaults."""

from typing import Any

import bentoml


@bentoml.service(name="bare")
class Bare:
    """Answers the same to everything."""

    @bentoml.api
    def predict(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        return {"predictions": [{"prediction": 1.0, "low": 0.0, "high": 2.0}]}
