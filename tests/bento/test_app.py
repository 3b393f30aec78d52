"""The addresses of the service, over the application itself."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_service import serving

from bento.answers import PredictAnswer
from bento.problems import ProblemDetails
from pipeline.calls import CallLog

HOUR = "2021-03-08T07:00:00+00:00"
PREDICT = "/v1/toy/predict"


def post(client: httpx.Client, records: Any, **more: Any) -> Any:
    return client.post(PREDICT, json={"records": records, **more})


def post_text(client: httpx.Client, text: str | bytes, **headers: str) -> Any:
    return client.post(
        PREDICT, content=text, headers={"content-type": "application/json", **headers}
    )


def refused(answer: Any, status: int, kind: str) -> ProblemDetails:
    """The problem details of an answer, checked to be what RFC 9457 asks for."""
    assert status == answer.status_code, answer.text
    assert "application/problem+json" == answer.headers["content-type"]
    problem = ProblemDetails.model_validate(answer.json())
    assert status == problem.status
    assert f"urn:vigie:problem:{kind}" == problem.type
    return problem


def test_a_record_is_predicted_with_its_interval(client: httpx.Client) -> None:
    """A record gets a prediction, its interval, and the model that made it."""
    answer = post(client, [{"counter": "north", "hour": HOUR}])

    assert 200 == answer.status_code, answer.text
    found = PredictAnswer.model_validate_json(answer.content)
    (one,) = found.predictions
    assert pytest.approx(17.0, abs=1.5) == one["prediction"]
    assert 0.0 == one["low"]
    assert pytest.approx(one["prediction"] + 25.0) == one["high"]
    assert one["extrapolating"] is False
    assert ("toy", "count", "bicycles/h") == (found.case, found.target, found.unit)
    assert (0.9, True) == (found.level, found.simulated)
    assert "ridge" == found.model.candidate
    assert 12 == len(found.model.version)
    assert answer.headers["x-request-id"] == found.call


def test_predictions_come_in_the_order_of_the_records(client: httpx.Client) -> None:
    """Two records are answered in their order, each as though it were alone."""
    records = [{"counter": name, "hour": HOUR} for name in ("south", "north")]

    together = post(client, records).json()["predictions"]

    alone = [post(client, [record]).json()["predictions"][0] for record in records]
    assert alone == together
    assert together[0]["prediction"] > together[1]["prediction"]


def test_another_time_zone_is_the_same_moment(client: httpx.Client) -> None:
    """07:00 UTC and 08:00 in Paris are one hour."""
    utc, paris = (
        post(client, [{"counter": "north", "hour": hour}]).json()["predictions"]
        for hour in (HOUR, "2021-03-08T08:00:00+01:00")
    )

    assert utc == paris


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({"counter": "north", "hour": HOUR, "colour": "red"}, "colour"),
        ({"counter": "north"}, "hour"),
        ({"counter": 7, "hour": HOUR}, "counter"),
        ({"counter": None, "hour": HOUR}, "counter"),
        ({"counter": "north", "hour": 1615186800}, "hour"),
        ({"counter": "north", "hour": "tomorrow"}, "hour"),
        ({"counter": "north", "hour": "2021-03-08T07:00:00"}, "hour"),
        ({"counter": "north", "hour": HOUR, "rain": "1.5"}, "rain"),
        ({"counter": "north", "hour": HOUR, "rain": True}, "rain"),
        ({"counter": "west", "hour": HOUR}, "counter"),
        ({"counter": "north", "hour": "2021-03-20T07:00:00Z"}, "hour"),
        ({"counter": "north", "hour": "1970-01-01T00:00:00Z"}, "hour"),
        ({"counter": "north", "hour": "9999-12-31T23:59:59Z"}, "hour"),
        ({"counter": "north", "hour": "0001-01-01T00:00:00+14:00"}, "hour"),
        ({"counter": "north", "hour": "9999-12-31T23:59:59-14:00"}, "hour"),
    ],
)
def test_a_field_that_does_not_fit_is_named(
    client: httpx.Client, record: dict[str, Any], field: str
) -> None:
    """Unknown, missing, mistyped and unpredictable fields are refused with name and place."""
    answer = post(client, [{"counter": "north", "hour": HOUR}, record])

    (error,) = refused(answer, 422, "invalid-record").errors
    assert (field, f"#/records/1/{field}") == (error.field, error.pointer)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(client: httpx.Client, number: str) -> None:
    """NaN and infinities, which JSON does not have, are refused with the field named."""
    body = f'{{"records": [{{"counter": "north", "hour": "{HOUR}", "rain": {number}}}]}}'

    (error,) = refused(post_text(client, body), 422, "invalid-record").errors
    assert "rain" == error.field


def test_every_wrong_field_is_told_at_once(client: httpx.Client) -> None:
    """A caller mends everything after one refusal."""
    records = [{"counter": "west", "hour": HOUR}, {"counter": "east", "hour": "2030-01-01T00:00Z"}]

    errors = refused(post(client, records), 422, "invalid-record").errors

    assert ["#/records/0/counter", "#/records/1/counter", "#/records/1/hour"] == [
        error.pointer for error in errors
    ]


def test_a_long_list_of_wrong_fields_is_cut(client: httpx.Client) -> None:
    """A thousand wrong records are counted, and the first hundred listed."""
    problem = refused(post(client, [{}] * 1000), 422, "invalid-record")

    assert problem.detail.startswith("2000 fields")
    assert 100 == len(problem.errors)


@pytest.mark.parametrize("text", ["", "{", "[1,", "'records'", '{"records": [}', b"\xff\xfe", "{]"])
def test_what_is_not_json_is_a_bad_request(client: httpx.Client, text: str | bytes) -> None:
    """An empty body and malformed JSON are told apart from records that don't fit."""
    refused(post_text(client, text), 400, "malformed-json")


def test_deep_json_is_refused(client: httpx.Client) -> None:
    """A hundred thousand brackets neither fell the service nor slow it."""
    refused(post_text(client, "[" * 100_000), 400, "malformed-json")


@pytest.mark.parametrize("body", ["null", "[]", "{}", '{"records": []}', '{"records": {}}', "3"])
def test_a_body_of_another_form_is_refused(client: httpx.Client, body: str) -> None:
    """JSON that is no list of records is refused."""
    refused(post_text(client, body), 422, "invalid-record")


def test_an_unknown_member_of_the_body_is_named(client: httpx.Client) -> None:
    """The body holds records and nothing else."""
    answer = post(client, [{"counter": "north", "hour": HOUR}], levels=[0.5])

    (error,) = refused(answer, 422, "invalid-record").errors
    assert "levels" == error.field


def test_a_thousand_records_are_the_most(client: httpx.Client) -> None:
    """A thousand are answered, one more is refused."""
    record = {"counter": "north", "hour": HOUR}

    assert 1000 == len(post(client, [record] * 1000).json()["predictions"])
    (error,) = refused(post(client, [record] * 1001), 422, "invalid-record").errors
    assert "records" == error.field


def test_a_body_of_over_a_mebibyte_is_refused_by_its_declared_length(client: httpx.Client) -> None:
    """The length that the header declares is enough to refuse."""
    refused(post_text(client, b" " * (2**20 + 1)), 413, "too-large")


def test_a_body_of_over_a_mebibyte_is_refused_as_it_comes(client: httpx.Client) -> None:
    """Without a declared length, reading stops at the limit."""
    taken = []

    def chunks() -> Any:
        for number in range(100):
            taken.append(number)
            yield b" " * 2**16

    answer = client.post(PREDICT, content=chunks(), headers={"content-type": "application/json"})

    refused(answer, 413, "too-large")


@pytest.mark.parametrize("declared", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_media_type_is_refused(client: httpx.Client, declared: str) -> None:
    """Only a body that is declared as JSON is read."""
    answer = client.post(PREDICT, content="{}", headers={"content-type": declared})

    assert "Content-Type: application/json" in refused(answer, 415, "unsupported-media-type").detail


def test_a_compressed_body_is_refused(client: httpx.Client) -> None:
    """A small body can't unfold to a huge one."""
    answer = post_text(client, b"\x1f\x8b", **{"content-encoding": "gzip"})

    refused(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("path", ["/v1/none/predict", "/v1/toy/other", "/v1", "/v1/toy/predict/x"])
def test_an_unknown_address_is_not_found(client: httpx.Client, path: str) -> None:
    """Unknown cases and addresses are answered with where to look."""
    answer = client.post(path, json={})

    assert "/v1/cases" in refused(answer, 404, "not-found").detail


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_not_allowed(client: httpx.Client, method: str) -> None:
    """A method that an address doesn't take is refused with those that it takes."""
    answer = client.request(method, PREDICT)

    refused(answer, 405, "method-not-allowed")
    assert "POST" == answer.headers["allow"]


def test_a_fault_gives_nothing_away(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the service is a plain 500: no traceback, no path."""

    def fail(*arguments: Any) -> Any:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr("bento.predicting.parse", fail)

    answer = post(client, [{"counter": "north", "hour": HOUR}])

    refused(answer, 500, "internal-error")
    assert "secret" not in answer.text


def test_the_cases_are_listed(client: httpx.Client) -> None:
    """The list gives every case with its question and its addresses."""
    (found,) = client.get("/v1/cases").json()["cases"]

    assert "toy" == found["case"]
    assert "How many pass in an hour?" == found["question"]
    assert PREDICT == found["predict"]
    assert 200 == client.get(found["model"]).status_code


def test_the_model_card_says_what_the_model_is(client: httpx.Client) -> None:
    """The card names the candidate, its data, its scores and its digest."""
    card = client.get("/v1/toy/model").json()

    assert ("Ridge regression", {"rmse": 1.5}, True) == (
        card["candidate_title"],
        card["scores"],
        card["simulated"],
    )
    assert 64 == len(card["sha256"])


def test_the_example_of_the_card_can_be_predicted(client: httpx.Client) -> None:
    """What the documentation shows works as it stands."""
    card = client.get("/v1/toy/model").json()

    assert 200 == post(client, [card["example"]]).status_code


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("column=", "column", "it is empty"),
        ("aggregate=sum&aggregate=sum", "aggregate", "'sum' is given more than once"),
        ("by=counter&by=counter", "by", "'counter' is given more than once"),
        ("by=count", "by", "'count' is none of counter"),
    ],
)
def test_a_question_that_the_document_does_not_allow_is_refused(
    client: httpx.Client, query: str, field: str, words: str
) -> None:
    """The parameter is named; what the document allows, `test_fuzz` sends."""
    answer = client.get(f"/v1/toy/trends?{query}")

    assert 422 == answer.status_code
    assert [(field, words)] == [
        (each["field"], each["detail"][: len(words)]) for each in answer.json()["errors"]
    ]


def test_the_document_describes_the_cases_found(client: httpx.Client) -> None:
    """The OpenAPI document has the addresses of every champion; each reference resolves."""
    document = client.get("/openapi.json").json()

    of_toy = {f"/v1/toy/{name}" for name in ("predict", "actuals", "trends", "metrics", "model")}
    others = {"/v1/cases", "/token", "/healthz", "/readyz"}
    assert of_toy | others == set(document["paths"])
    record = document["components"]["schemas"]["ToyRecord"]
    assert {"counter", "hour", "rain"} == set(record["properties"])
    assert record["additionalProperties"] is False
    for reference in _references(document):
        assert reference.rpartition("/")[2] in document["components"]["schemas"]


def test_the_page_loads_nothing_from_another_host(client: httpx.Client) -> None:
    """The page of addresses names no other host and forbids the browser to ask one."""
    page, script = client.get("/"), client.get("/docs.js")

    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert "http" not in page.text.replace("http-equiv", "")
    assert "http" not in script.text


@settings(max_examples=60)
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["records", "counter", "hour", "rain", "x/~y"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_no_body_is_a_fault_of_the_service(client: httpx.Client, body: Any) -> None:
    """Whatever JSON comes, the answer is a prediction or a refusal of the caller's."""
    answer = post_text(client, json.dumps(body))

    assert 200 == answer.status_code or 400 <= answer.status_code < 500, answer.text


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for item in node for found in _references(item)]
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for item in node.values() for found in _references(item)]
    return []


def test_the_bento_files_are_in_the_package() -> None:
    """The page and its script are files of the package, so that a Bento carries them."""
    pages = Path(__file__).parents[2] / "bento" / "pages"

    assert ["docs.js", "index.html", "try.css", "try.html", "try.js"] == sorted(
        path.name for path in pages.iterdir()
    )


def test_files_out_of_reach_are_no_fault_of_the_service(tmp_path: Path) -> None:
    """What needs them is refused for a while, and the log says which; predictions go on."""
    with serving(tmp_path, open=True, reload_seconds=60) as served:
        post(served.client, [{"counter": "north", "hour": HOUR}])
        (tmp_path / "champions").rename(tmp_path / "away")
        missing = served.client.get("/v1/toy/trends")
        (tmp_path / "away").rename(tmp_path / "champions")
        found = served.client.get("/v1/toy/trends")
        predicted = post(served.client, [{"counter": "north", "hour": HOUR}])

    refused(missing, 503, "unavailable")
    assert "60" == missing.headers["retry-after"]
    assert [200, 200] == [found.status_code, predicted.status_code]


def test_truths_are_refused_while_the_log_can_t_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is no fault of the service; nothing is half kept."""
    truth = {"records": [{"counter": "north", "hour": HOUR, "count": 5.0}]}

    def fail(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with serving(tmp_path, open=True) as served:
        post(served.client, [{"counter": "north", "hour": HOUR}])
        with monkeypatch.context() as broken:
            broken.setattr(CallLog, "_write", fail)
            refused(served.client.post("/v1/toy/actuals", json=truth), 503, "unavailable")
        kept = served.client.post("/v1/toy/actuals", json=truth)

    assert {"case": "toy", "received": 1, "matched": 1, "complete": True} == kept.json()
