"""Who is let in, and for what; what an attacker gets."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from toy_service import Serving, serving

from bento.access import AUDIENCE, ISSUER, Access
from pipeline.calls import read_calls
from pipeline.errors import OptionError
from pipeline.keys import Scope, make_key, read_keys, revoke_key
from pipeline.packaging.settings import Settings

RECORD = {"counter": "north", "hour": "2021-03-08T07:00:00+00:00"}
BODY = {"records": [RECORD]}
PREDICT = "/v1/toy/predict"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service with keys, and short limits where they can be tested."""
    folder = tmp_path_factory.mktemp("locked")
    with serving(
        folder,
        public="health,docs",
        most_seconds=2.0,
        most_bytes=20_000,
        rate_per_key="300/minute",
        rate_per_address="0",
        rate_of_failures="0",
    ) as found:
        yield found


def key(served: Serving, *scopes: Scope, name: str = "") -> str:
    path = served.settings.keys
    assert path is not None
    chosen = name or f"{'-'.join(scopes)} {os.urandom(4).hex()}"
    return make_key(path, chosen, scopes, now=datetime.now(UTC))[1]


def secret(served: Serving) -> bytes:
    assert served.settings.keys is not None
    return served.settings.keys.with_name("token.secret").read_bytes()


def claims(served: Serving, **other: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    text = key(served, "predict")
    valid = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": text.split("_")[1],
        "scope": "predict",
        "iat": now,
        "exp": now + timedelta(minutes=5),
    }
    return {name: value for name, value in (valid | other).items() if value is not None}


def call(served: Serving, text: str = "", **headers: str) -> httpx.Response:
    sent = {"authorization": f"Bearer {text}", **headers} if text else headers
    return served.client.post(PREDICT, json=BODY, headers=sent)


def kind(answer: httpx.Response) -> str:
    assert "application/problem+json" == answer.headers["content-type"]
    return str(answer.json()["type"]).rpartition(":")[2]


def refused(answer: httpx.Response, status: int, problem: str) -> None:
    assert (status, problem) == (answer.status_code, kind(answer)), answer.text


def test_a_key_opens_what_its_scope_says(served: Serving) -> None:
    """Bearer, X-API-Key and Basic are three ways to send the same key."""
    text = key(served, "predict")
    basic = base64.b64encode(f"{text.split('_')[1]}:{text}".encode()).decode()

    assert 200 == call(served, text).status_code
    assert 200 == call(served, **{"x-api-key": text}).status_code
    assert 200 == call(served, authorization=f"Basic {basic}").status_code


@pytest.mark.parametrize("text", ["", "wrong", "vigie_deadbeef_xyz", "a.b.c", "é" * 9, "_" * 40])
def test_no_key_and_a_wrong_key_are_refused(served: Serving, text: str) -> None:
    """The answer says how to send a key, and that nobody was let in."""
    answer = call(served, **({"x-api-key": text.encode("utf-8")} if text else {}))  # type: ignore[arg-type]

    refused(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_secret_of_another_key_does_not_fit(served: Serving) -> None:
    """Id and secret belong together."""
    one, other = key(served, "predict"), key(served, "predict")
    mixed = "_".join([*one.split("_")[:2], other.split("_", 2)[2]])

    refused(call(served, mixed), 401, "unauthorized")


def test_a_revoked_key_ends_at_once_with_its_tokens(served: Serving) -> None:
    """No restart, no wait: the next call is refused."""
    text = key(served, "predict", name="to be revoked")
    token = served.client.post("/token", headers={"x-api-key": text}).json()["access_token"]
    assert 200 == call(served, token).status_code

    assert served.settings.keys is not None
    revoke_key(served.settings.keys, "to be revoked", now=datetime.now(UTC))

    refused(call(served, text), 401, "unauthorized")
    refused(call(served, token), 401, "unauthorized")


def test_an_expired_key_is_refused(served: Serving) -> None:
    """A key may have an end."""
    assert served.settings.keys is not None
    _, text = make_key(
        served.settings.keys, "old", ["predict"], now=NOW, expires=NOW + timedelta(days=1)
    )

    refused(call(served, text), 401, "unauthorized")


def test_a_token_has_the_scope_that_was_asked_for(served: Serving) -> None:
    """A token for reading can't predict, although its key can."""
    text = key(served, "predict", "read")

    answer = served.client.post("/token", headers={"x-api-key": text}, data={"scope": "read"})

    found = answer.json()
    assert ("Bearer", "read", 900) == (found["token_type"], found["scope"], found["expires_in"])
    assert "no-store" == answer.headers["cache-control"]
    refused(call(served, found["access_token"]), 403, "scope-too-small")
    headers = {"authorization": f"Bearer {found['access_token']}"}
    assert 200 == served.client.get("/v1/cases", headers=headers).status_code
    refused(served.client.post("/token", headers=headers), 403, "key-needed")


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"scope": "admin"}, 403),
        ({"scope": "everything"}, 422),
        ({"grant_type": "password"}, 422),
        ({"user": "me"}, 422),
    ],
)
def test_a_token_is_no_way_to_more(served: Serving, form: dict[str, str], status: int) -> None:
    """Scopes that the key lacks, and forms of another kind, are refused."""
    headers = {"x-api-key": key(served, "predict")}

    assert status == served.client.post("/token", headers=headers, data=form).status_code


def test_a_token_that_was_made_elsewhere_is_refused(served: Serving) -> None:
    """Expired, unsigned, tampered, for others, of others, without an end: none is let in."""
    now, good = datetime.now(UTC), claims(served)
    signed = jwt.encode(good, secret(served), algorithm="HS256")
    assert 200 == call(served, signed).status_code
    head, body, signature = signed.split(".")
    richer = base64.urlsafe_b64encode(
        json.dumps(
            {**jwt.decode(signed, options={"verify_signature": False}), "scope": "admin"}
        ).encode()
    ).rstrip(b"=")
    bad = {
        "expired": jwt.encode(claims(served, exp=now - timedelta(1)), secret(served), "HS256"),
        "not signed": jwt.encode(good, None, algorithm="none"),  # type: ignore[arg-type]
        "signature cut": f"{head}.{body}.",
        "tampered": f"{head}.{richer.decode()}.{signature}",
        "of another secret": jwt.encode(good, "x" * 32, algorithm="HS256"),
        "another algorithm": jwt.encode(good, secret(served) * 2, algorithm="HS512"),
        "for others": jwt.encode(claims(served, aud="others"), secret(served), "HS256"),
        "for nobody": jwt.encode(claims(served, aud=None), secret(served), "HS256"),
        "of others": jwt.encode(claims(served, iss="others"), secret(served), "HS256"),
        "without an end": jwt.encode(claims(served, exp=None), secret(served), "HS256"),
        "of no key": jwt.encode(claims(served, sub="deadbeef"), secret(served), "HS256"),
    }

    let_in = [name for name, text in bad.items() if call(served, text).status_code != 401]

    assert [] == let_in


def test_a_scope_that_is_too_small_is_told(served: Serving) -> None:
    """Each group of addresses needs its own scope."""
    predicting, reading = key(served, "predict"), key(served, "read")

    refused(call(served, reading), 403, "scope-too-small")
    for path in ("/v1/cases", "/v1/toy/model", "/v1/toy/metrics", "/v1/toy/trends"):
        headers = {"x-api-key": predicting}
        refused(served.client.get(path, headers=headers), 403, "scope-too-small")
    answer = served.client.post("/v1/toy/actuals", json=BODY, headers={"x-api-key": reading})
    refused(answer, 403, "scope-too-small")


def test_what_is_public_is_what_the_operator_says(served: Serving) -> None:
    """Health and documentation are, here, and the metrics are not."""
    statuses = {
        path: served.client.get(path).status_code
        for path in ("/healthz", "/readyz", "/livez", "/", "/openapi.json", "/metrics")
    }

    assert {"/metrics": 401} == {path: code for path, code in statuses.items() if code != 200}
    headers = {"x-api-key": key(served, "admin")}
    assert 200 == served.client.get("/metrics", headers=headers).status_code


def test_a_key_in_the_address_opens_nothing_and_is_not_kept(served: Serving) -> None:
    """Addresses end up in logs: a key there is neither taken nor written down."""
    text = key(served, "read")

    answer = served.client.get(f"/v1/cases?api_key={text}")

    refused(answer, 401, "unauthorized")
    assert "never in the address" in answer.json()["detail"]
    assert text.split("_", 2)[2] not in everything_written(served)


def test_a_key_is_on_no_disk_and_in_no_answer(served: Serving) -> None:
    """What is kept of a key can't be used as one."""
    text = key(served, "predict")
    answers = [call(served, text).text, call(served, text + "x").text]

    assert text.split("_", 2)[2] not in everything_written(served) + "".join(answers)
    assert served.settings.keys is not None
    assert 0o600 == served.settings.keys.stat().st_mode & 0o777
    kept = read_keys(served.settings.keys)
    assert all(each.digest not in repr(each) for each in kept.values())


def everything_written(served: Serving) -> str:
    time.sleep(0.3)
    files = [
        path for path in served.folder.rglob("*") if path.is_file() and path.stat().st_size < 10**7
    ]
    return "".join(path.read_bytes().decode("latin-1") for path in files)


def test_both_headers_and_two_of_one_are_refused(served: Serving) -> None:
    """Which of two keys would count is not guessed."""
    text = key(served, "predict")
    twice = httpx.Headers([("x-api-key", text), ("x-api-key", text)])

    refused(call(served, text, **{"x-api-key": text}), 401, "unauthorized")
    assert 400 == served.client.post(PREDICT, json=BODY, headers=twice).status_code


@pytest.mark.parametrize(
    "path",
    [
        "/v1/toy/../../metrics",
        "/static_content/../metrics",
        "/static_content/%2e%2e/metrics",
        "//metrics",
        "/metrics/",
        "/v1//toy/predict",
        "/v1/toy/predict/",
        "/V1/cases",
        "/v1/cases%00",
        "/v1/toy%2fmodel",
        "/schema.json",
        "/docs.json",
    ],
)
def test_a_trick_in_the_path_leads_nowhere(served: Serving, path: str) -> None:
    """A path is taken as it is, or not at all; BentoML's own addresses are not reached."""
    status, _ = raw(served, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())

    assert status in (401, 404)


def raw(served: Serving, request: bytes, *, pause: float = 0.0) -> tuple[int, bytes]:
    """Bytes that no well-behaved client would send."""
    url, found = served.client.base_url, b""
    address = (url.host, url.port or 80)
    with (
        socket.create_connection(address, timeout=60) as connection,
        # The server may refuse before it has read all.
        suppress(BrokenPipeError, ConnectionResetError),
    ):
        connection.sendall(request)
        time.sleep(pause)
        while part := connection.recv(65536):
            found += part
    return int(found.split(b" ", 2)[1]) if found.startswith(b"HTTP/1.1 ") else 0, found


def post(served: Serving, content: bytes, **headers: str) -> httpx.Response:
    sent = {"x-api-key": key(served, "predict"), "content-type": "application/json", **headers}
    return served.client.post(PREDICT, content=content, headers=sent)


def test_a_huge_body_is_refused(served: Serving) -> None:
    """By its declared length, before it is read."""
    refused(post(served, b" " * 20_001), 413, "too-large")


def test_a_slow_body_is_given_up(served: Serving) -> None:
    """A client that sends half a body and waits holds nothing for long."""
    head = (
        f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key(served, 'predict')}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    began = time.monotonic()

    status, _ = raw(served, head.encode())

    assert 408 == status
    assert time.monotonic() - began < 30


def test_a_compressed_bomb_is_not_unfolded(served: Serving) -> None:
    """A body of a few kilobytes that would be ten megabytes is refused by its header."""
    bomb = gzip.compress(b" " * 10_000_000)

    refused(post(served, bomb, **{"content-encoding": "gzip"}), 415, "unsupported-media-type")


def test_deep_json_is_refused_here_too(served: Serving) -> None:
    """Brackets by the thousand are no JSON of ours."""
    refused(post(served, b'{"records":' + b"[" * 15_000), 400, "malformed-json")


def test_ten_thousand_records_are_too_many(served: Serving) -> None:
    """The limit of records holds whatever their size."""
    refused(post(served, b'{"records":[' + b"0," * 9999 + b"0]}"), 413, "too-large")


def test_a_flood_of_headers_is_refused(served: Serving) -> None:
    """Many headers get a plain refusal; a megabyte of them ends the connection."""
    many = "".join(f"X-{number}: 1\r\n" for number in range(200))
    huge = f"X-Long: {'x' * 1_000_000}\r\n"

    status, _ = raw(
        served, f"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{many}\r\n".encode()
    )
    assert 431 == status
    status, _ = raw(served, f"GET /healthz HTTP/1.1\r\nHost: x\r\n{huge}\r\n".encode())
    assert status in (0, 431)
    assert 200 == served.client.get("/healthz").status_code


@pytest.mark.parametrize(
    "where",
    [
        "counter = north'; DROP TABLE files; --",
        'counter" = 1; --',
        "1=1",
        "counter in north') UNION SELECT 1 --",
    ],
)
def test_sql_in_a_filter_is_a_value_or_nothing(served: Serving, where: str) -> None:
    """Words of SQL are compared with the values of a column, or refused."""
    headers = {"x-api-key": key(served, "read")}
    answer = served.client.get("/v1/toy/trends", params={"where": where}, headers=headers)

    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        assert all(row["count"] == 0 for row in answer.json()["rows"])
    assert 200 == served.client.get("/v1/toy/trends", headers=headers).status_code


def test_nothing_that_a_caller_writes_forges_a_line_of_the_log(
    served: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    """Line breaks in paths, methods, headers and values stay out of the logs."""
    forged = "200 admin\nINFO forged"
    with caplog.at_level(logging.DEBUG, logger="vigie"):
        served.client.get("/v1/%0aINFO%20forged/model", headers={"x-api-key": "x%0aforged"})
        post(served, json.dumps({"records": [{**RECORD, "counter": forged}]}).encode())
    time.sleep(0.3)

    assert served.settings.calls is not None
    assert "forged" not in caplog.text
    for line in read_calls(served.settings.calls):
        assert "forged" not in str(line)


def test_one_call_too_many_is_told_when_to_come_back(tmp_path: Path) -> None:
    """Calls of one key are counted, and those from one address."""
    limits = {"rate_per_key": "2/day", "rate_per_address": "4/day"}  # no window ends amid the calls
    with serving(tmp_path, **limits) as served:
        one, other, third = (key(served, "predict") for _ in range(3))
        statuses = [call(served, text).status_code for text in (one, one, one, other, third, third)]
        last = call(served, third)

    assert [200, 200, 429, 200, 200, 429] == statuses
    refused(last, 429, "too-many-calls")
    assert 1 <= int(last.headers["retry-after"]) <= 86_400


def test_wrong_keys_are_counted_by_address(tmp_path: Path) -> None:
    """Guessing is slow."""
    with serving(tmp_path, rate_of_failures="3/day") as served:
        statuses = [call(served, "vigie_x_y").status_code for _ in range(5)]

    assert [401, 401, 401, 429, 429] == statuses


def test_other_origins_may_call_where_the_operator_says(tmp_path: Path) -> None:
    """A page of a named origin may; of another, the browser is told nothing."""
    with serving(tmp_path, cors="https://good.example", open=True) as served:
        asked = {
            origin: served.client.options(
                PREDICT,
                headers={"origin": origin, "access-control-request-method": "POST"},
            ).headers.get("access-control-allow-origin")
            for origin in ("https://good.example", "https://bad.example")
        }

    assert {"https://good.example": "https://good.example", "https://bad.example": None} == asked


def test_headers_that_browsers_expect_are_sent(served: Serving) -> None:
    """On answers, refusals and pages alike."""
    for path in ("/v1/cases", "/", "/healthz", "/nothing"):
        headers = served.client.get(path).headers
        assert "nosniff" == headers["x-content-type-options"]
        assert "DENY" == headers["x-frame-options"]
        assert "content-security-policy" in headers
        assert "server" not in headers or "uvicorn" == headers["server"]


def test_settings_that_do_not_fit_are_told_by_name_and_without_their_values() -> None:
    """All at once; a secret among them is not repeated."""
    wrong = {
        "VIGIE_TOKEN_MINUTES": "soon",
        "VIGIE_PUBLIC": "everything",
        "VIGIE_RATE_PER_KEY": "fast",
        "VIGIE_WORKERS": "0",
    }

    with pytest.raises(OptionError) as caught:
        Settings.from_environment({**wrong, "VIGIE_TOKEN_SECRET": "do not tell"})

    assert all(name in str(caught.value) for name in wrong)
    assert "do not tell" not in str(caught.value)


def test_settings_pass_through_an_environment() -> None:
    """What one process chose another reads."""
    chosen = Settings(
        open=True, public="none", cors="https://a.example,https://b.example", workers=2
    )  # type: ignore[arg-type]

    assert chosen == Settings.from_environment(chosen.environment())


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    """A secret that could be guessed signs nothing."""
    settings = Settings(keys=tmp_path / "keys.json", token_secret="short")  # type: ignore[arg-type]

    with pytest.raises(OptionError, match=r"has 5 bytes"):
        Access(settings)
