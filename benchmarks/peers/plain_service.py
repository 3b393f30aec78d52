"""A forecast of bicycles as a plain service: FastAPI, joblib, pandas and a random forest.

It runs in an environment of its own (see benchmarks/serving.py). `python plain_service.py train
FRAME MODEL` learns, `serve FRAME MODEL PORT` answers. It does the work of Vigie's call without
keys, limits, log and metrics: it checks the types of the records, looks up the past of each,
predicts, and gives an interval.
"""

import sys
from datetime import datetime

import joblib
import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

PAST = ["lag_24", "lag_48", "lag_168", "lag_336", "mean_24", "mean_168", "season_mean"]
NUMBERS = ["latitude", "longitude", "hour", "weekday", "yearday", *PAST]


def features(rows):
    """The columns that the forest takes."""
    local = rows["time"].dt.tz_convert("Europe/Paris")
    return rows.assign(
        hour=local.dt.hour, weekday=local.dt.day_of_week, yearday=local.dt.day_of_year
    )[["counter", *NUMBERS]]


def train(frame_path, model_path):
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    frame = pd.read_parquet(frame_path)
    known = frame.dropna(subset=["count", *PAST])
    columns = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["counter"]),
        remainder="passthrough",
    )
    forest = RandomForestRegressor(n_estimators=100, min_samples_leaf=3, n_jobs=2, random_state=0)
    model = make_pipeline(columns, forest).fit(features(known), known["count"])
    model[-1].n_jobs = 1
    residuals = known["count"] - model.predict(features(known))
    joblib.dump((model, *np.quantile(residuals, [0.05, 0.95])), model_path)


def serve(frame_path, model_path, port):
    import uvicorn
    from fastapi import FastAPI

    model, low, high = joblib.load(model_path)
    past = pd.read_parquet(frame_path).drop(columns=["count"])
    app = FastAPI()

    class Record(BaseModel):
        model_config = ConfigDict(extra="forbid")
        counter: str
        time: datetime

    class Call(BaseModel):
        records: list[Record]

    @app.post("/predict")
    def predict(call: Call):
        asked = pd.DataFrame([record.model_dump() for record in call.records])
        asked["time"] = pd.to_datetime(asked["time"], utc=True)
        rows = asked.merge(past, on=["counter", "time"], how="left")
        predicted = model.predict(features(rows))
        return {
            "predictions": [
                {"prediction": value, "low": max(value + low, 0.0), "high": value + high}
                for value in predicted.tolist()
            ]
        }

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    command, frame_path, model_path, *port = sys.argv[1:]
    if command == "train":
        train(frame_path, model_path)
    else:
        serve(frame_path, model_path, int(port[0]))
