"""A load test of your own deployment: `pip install locust`, then

VIGIE_KEY=… locust -f deploy/locustfile.py --host https://where.you.serve

It asks every case of the service for the example of its model card, now and then for a hundred
records at once or as many as the case takes, and reads cards and trends as a page would.
"""

import os
import random

from locust import HttpUser, between, task


class Caller(HttpUser):
    """Somebody with a key of scope predict and read."""

    wait_time = between(0.1, 0.5)

    def on_start(self):
        self.client.headers["Authorization"] = f"Bearer {os.environ['VIGIE_KEY']}"
        cases = self.client.get("/v1/cases").json()["cases"]
        self.cards = [self.client.get(case["model"]).json() for case in cases]
        document = self.client.get("/openapi.json").json()
        self.most = {case["case"]: most_records(document, case["predict"]) for case in cases}

    @task(20)
    def one_record(self):
        self.ask(1)

    @task(2)
    def a_hundred_records(self):
        self.ask(100)

    @task(1)
    def trends(self):
        case = random.choice(self.cards)["case"]
        self.client.get(f"/v1/{case}/trends", name="/v1/{case}/trends")

    def ask(self, records):
        card = random.choice(self.cards)
        self.client.post(
            f"/v1/{card['case']}/predict",
            json={"records": [card["example"]] * min(records, self.most[card["case"]])},
            name=f"/v1/{{case}}/predict ({records})",
        )


def most_records(document, address):
    """How many records a call takes, by the OpenAPI document."""
    content = document["paths"][address]["post"]["requestBody"]["content"]
    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return document["components"]["schemas"][name]["properties"]["records"]["maxItems"]
