"""The HTTP client against a real server on loopback, which answers well and badly."""

from __future__ import annotations

import gzip
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publisher import Asked, Publisher, Reply, publishing

from pipeline.errors import SourceError, SourceUnavailableError
from pipeline.sources.address import Address, redirected
from pipeline.sources.cache import Cache
from pipeline.sources.http import Fetched, HttpClient, Patience, Wanted
from pipeline.sources.pauses import growing, retry_after

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
BODY = b"hour;count\n1;20\n2;30\n"
QUICK = Patience(connect=2, read=2, whole=20, attempts=3)


@dataclass
class Slept:
    """Time that passes only when someone sleeps."""

    pauses: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


BODIES: dict[Path, bytes] = {}
"""What was fetched, read while it was there."""


def get(
    site: str, cache: Path, slept: Slept | None = None, patience: Patience = QUICK, **wanted: Any
) -> Fetched:
    rest = slept or Slept()
    address = wanted.pop("address", Address(url=f"{site}/export"))
    with HttpClient(
        cache=Cache(folder=cache),
        patience=patience,
        sleep=rest.sleep,
        now=lambda: NOW,
        say=rest.said.append,
    ) as client:
        fetched = client.fetch(Wanted(address=address, what="counts as CSV", **wanted))
        BODIES[fetched.path] = fetched.path.read_bytes()
        assert hashlib.sha256(BODIES[fetched.path]).hexdigest() == fetched.sha256
        return fetched


def refusal(
    site: str, cache: Path, slept: Slept | None = None, patience: Patience = QUICK, **wanted: Any
) -> SourceError:
    with pytest.raises(SourceError) as caught:
        get(site, cache, slept, patience, **wanted)
    return caught.value


def body_of(fetched: Fetched) -> bytes:
    return BODIES[fetched.path]


def with_etag(**changes: Any) -> Reply:
    return Reply(body=BODY, headers={"ETag": '"one"', **changes.pop("headers", {})}, **changes)


def test_an_answer_is_kept_on_disk_with_its_digest(tmp_path: Path) -> None:
    with publishing(with_etag()) as publisher:
        fetched = get(publisher.site, tmp_path)

    assert BODY == body_of(fetched)
    assert f"{publisher.site}/export" == fetched.address
    assert not fetched.unchanged


def test_the_next_request_asks_only_for_what_has_changed(tmp_path: Path) -> None:
    """ETag and Last-Modified come back as conditions; 304 gives the body that was kept."""
    day = "Fri, 20 Nov 2026 06:00:00 GMT"
    with publishing(with_etag(headers={"Last-Modified": day}), Reply(status=304)) as publisher:
        first, second = get(publisher.site, tmp_path), get(publisher.site, tmp_path)

    assert '"one"' == publisher.asked[1].headers["if-none-match"]
    assert day == publisher.asked[1].headers["if-modified-since"]
    assert second.unchanged
    assert first.path == second.path
    assert BODY == body_of(second)


def test_a_changed_answer_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    changed = Reply(body=b"hour;count\n3;40\n", headers={"ETag": '"two"'})
    with publishing(with_etag(), changed) as publisher:
        first, second = get(publisher.site, tmp_path), get(publisher.site, tmp_path)

    assert changed.body == body_of(second)
    assert not first.path.exists()


def test_a_damaged_copy_is_fetched_again_without_conditions(tmp_path: Path) -> None:
    with publishing(with_etag()) as publisher:
        get(publisher.site, tmp_path).path.write_bytes(b"rotten")
        again = get(publisher.site, tmp_path)

    assert "if-none-match" not in publisher.asked[1].headers
    assert BODY == body_of(again)


def test_an_answer_that_nobody_can_confirm_is_not_kept_after_its_use(tmp_path: Path) -> None:
    with (
        publishing(Reply(body=BODY)) as publisher,
        HttpClient(cache=Cache(folder=tmp_path)) as client,
    ):
        fetched = client.fetch(
            Wanted(address=Address(url=f"{publisher.site}/query"), what="counts")
        )
        assert BODY == fetched.path.read_bytes()

    assert not fetched.path.exists()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_publisher_is_asked_again_after_growing_pauses(tmp_path: Path, status: int) -> None:
    slept = Slept()
    busy = Reply(status=status)
    with publishing(busy, busy, Reply(body=BODY)) as publisher:
        get(publisher.site, tmp_path, slept)

    assert [2.0, 4.0] == slept.pauses
    assert "attempt 2 of 3" in slept.said[0]
    assert str(status) in slept.said[0]


def test_retry_after_in_seconds_is_kept_to(tmp_path: Path) -> None:
    slept = Slept()
    with publishing(Reply(status=429, headers={"Retry-After": "7"}), Reply(body=BODY)) as publisher:
        get(publisher.site, tmp_path, slept)

    assert [7.0] == slept.pauses


def test_retry_after_as_a_date_is_kept_to(tmp_path: Path) -> None:
    slept = Slept()
    date = format_datetime(NOW + timedelta(seconds=9), usegmt=True)
    with publishing(
        Reply(status=503, headers={"Retry-After": date}), Reply(body=BODY)
    ) as publisher:
        get(publisher.site, tmp_path, slept)

    assert [9.0] == slept.pauses


def test_a_publisher_that_asks_for_hours_is_left_alone(tmp_path: Path) -> None:
    """No waiting, and the error says how long."""
    slept = Slept()
    with publishing(Reply(status=429, headers={"Retry-After": "7200"})) as publisher:
        error = refusal(publisher.site, tmp_path, slept)

    assert [] == slept.pauses
    assert error.transient
    assert isinstance(error, SourceUnavailableError)
    assert 7200 == error.retry_after
    assert "7,200 s" in str(error)


def test_an_error_names_the_address_the_status_and_what_was_said(tmp_path: Path) -> None:
    page = Reply(status=500, kind="text/html", body=b"<html><body>Database <b>down</b></body>")
    with publishing(page) as publisher:
        error = refusal(publisher.site, tmp_path)

    assert error.transient
    assert f"{publisher.site}/export answered 500 Internal Server Error" in str(error)
    assert "Database down" in str(error)
    assert 3 == len(publisher.asked)


@pytest.mark.parametrize(("status", "told"), [(404, "moved"), (403, "key"), (400, "interface")])
def test_a_refusal_for_good_is_not_tried_again(tmp_path: Path, status: int, told: str) -> None:
    with publishing(Reply(status=status)) as publisher:
        error = refusal(publisher.site, tmp_path)

    assert not error.transient
    assert told in str(error)
    assert 1 == len(publisher.asked)


def test_a_cut_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Range and If-Range ask for the rest of the same body."""

    def rest(asked: Asked) -> Reply:
        start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
        return Reply(
            status=206,
            body=BODY[start:],
            headers={
                "ETag": '"one"',
                "Content-Range": f"bytes {start}-{len(BODY) - 1}/{len(BODY)}",
            },
        )

    with publishing(with_etag(cut=9), rest) as publisher:
        fetched = get(publisher.site, tmp_path)

    assert "bytes=9-" == publisher.asked[1].headers["range"]
    assert '"one"' == publisher.asked[1].headers["if-range"]
    assert BODY == body_of(fetched)


def test_a_cut_download_is_resumed_by_the_next_run_too(tmp_path: Path) -> None:
    def rest(asked: Asked) -> Reply:
        return Reply(
            status=206,
            body=BODY[9:],
            headers={"ETag": '"one"', "Content-Range": f"bytes 9-{len(BODY) - 1}/{len(BODY)}"},
        )

    once = Patience(attempts=1)
    with publishing(with_etag(cut=9), rest) as publisher:
        error = refusal(publisher.site, tmp_path, patience=once)
        fetched = get(publisher.site, tmp_path, patience=once)

    assert "the answer was cut" in str(error)
    assert error.transient
    assert BODY == body_of(fetched)


def test_a_file_that_changed_meanwhile_is_taken_from_its_start(tmp_path: Path) -> None:
    """If-Range doesn't hold, so the server sends the whole of the new one: no mixture."""
    new = Reply(body=b"hour;count\n7;70\n", headers={"ETag": '"two"'})
    with publishing(with_etag(cut=9), new) as publisher:
        fetched = get(publisher.site, tmp_path)

    assert new.body == body_of(fetched)


def test_a_range_from_somewhere_else_is_not_pasted_in(tmp_path: Path) -> None:
    wrong = Reply(
        status=206, body=BODY[5:], headers={"Content-Range": f"bytes 5-{len(BODY) - 1}/{len(BODY)}"}
    )
    with publishing(with_etag(cut=9), wrong, with_etag()) as publisher:
        fetched = get(publisher.site, tmp_path)

    assert "range" not in publisher.asked[2].headers
    assert BODY == body_of(fetched)


@pytest.mark.parametrize(
    ("answer", "headers"),
    [
        (BODY[9:], {"ETag": '"two"', "Content-Range": f"bytes 9-{len(BODY) - 1}/{len(BODY)}"}),
        (BODY[9:14], {"ETag": '"one"', "Content-Range": f"bytes 9-13/{len(BODY)}"}),
        (gzip.compress(BODY[9:]), {"Content-Range": f"bytes 9-{len(BODY) - 1}/{len(BODY)}"}),
        (BODY[9:], {"ETag": '"one"', "Content-Range": "bytes 9-"}),
    ],
    ids=["of another version", "not to the end", "packed", "unsaid"],
)
def test_a_rest_that_may_not_belong_to_the_beginning_is_not_pasted_in(
    tmp_path: Path, answer: bytes, headers: dict[str, str]
) -> None:
    """Servers overlook If-Range, and may give less than they were asked for."""
    packed = {"Content-Encoding": "gzip"} if answer[:2] == b"\x1f\x8b" else {}
    rest = Reply(status=206, body=answer, headers=headers | packed)
    with publishing(with_etag(cut=9), rest, with_etag()) as publisher:
        fetched = get(publisher.site, tmp_path)

    assert ["range" in asked.headers for asked in publisher.asked] == [False, True, False]
    assert BODY == body_of(fetched)


def test_a_download_without_validators_starts_anew(tmp_path: Path) -> None:
    """Nobody could tell whether the rest belongs to the same body; nor does a weak ETag."""
    weak = Reply(body=BODY, cut=9, headers={"ETag": 'W/"one"'})
    with publishing(Reply(body=BODY, cut=9), weak, Reply(body=BODY)) as publisher:
        fetched = get(publisher.site, tmp_path)

    assert not any("range" in asked.headers for asked in publisher.asked)
    assert BODY == body_of(fetched)


def test_a_packed_answer_is_unpacked_and_cut_ones_start_anew(tmp_path: Path) -> None:
    packed = with_etag(headers={"Content-Encoding": "gzip"})
    packed = Reply(body=gzip.compress(BODY * 50), headers=packed.headers)
    broken = Reply(body=packed.body, headers=packed.headers, cut=30)
    with publishing(broken, packed) as publisher:
        fetched = get(publisher.site, tmp_path)

    assert BODY * 50 == body_of(fetched)
    assert "range" not in publisher.asked[1].headers


def test_a_slow_drip_ends_when_the_whole_takes_too_long(tmp_path: Path) -> None:
    """Every byte arrives within the time for a silence; the whole doesn't."""
    patience = Patience(read=2, whole=0.3, attempts=5)
    with publishing(Reply(body=BODY * 100, drip=0.02)) as publisher:
        error = refusal(publisher.site, tmp_path, patience=patience)

    assert error.transient
    assert "is not done" in str(error)
    assert 1 == len(publisher.asked)


def test_a_silent_publisher_is_given_up(tmp_path: Path) -> None:
    patience = Patience(read=0.1, attempts=2)
    with publishing(Reply(body=BODY, drip=5)) as publisher:
        error = refusal(publisher.site, tmp_path, patience=patience)

    assert error.transient
    assert "it fell silent" in str(error)
    assert 2 == len(publisher.asked)


def test_nobody_listening_is_a_transient_error(tmp_path: Path) -> None:
    with publishing(Reply()) as publisher:
        gone = publisher.site
    error = refusal(gone, tmp_path)

    assert error.transient
    assert "no connection" in str(error)
    assert gone in str(error)


def test_a_redirect_is_followed_to_its_end(tmp_path: Path) -> None:
    with publishing(
        Reply(status=302, headers={"Location": "/elsewhere"}), Reply(body=BODY)
    ) as publisher:
        fetched = get(publisher.site, tmp_path)

    assert "/elsewhere" == publisher.asked[1].path
    assert BODY == body_of(fetched)


def test_redirects_have_an_end(tmp_path: Path) -> None:
    with publishing(Reply(status=301, headers={"Location": "/export"})) as publisher:
        error = refusal(publisher.site, tmp_path, redirects=3)

    assert "more than 3 times" in str(error)
    assert 4 == len(publisher.asked)


@pytest.mark.parametrize(
    "location",
    [
        "ftp://example.org/a",
        "file:///etc/passwd",
        "",
        "http://example.org:99999/",
    ],
)
def test_a_redirect_out_of_http_is_not_followed(tmp_path: Path, location: str) -> None:
    with publishing(Reply(status=302, headers={"Location": location})) as publisher:
        error = refusal(publisher.site, tmp_path)

    assert "not followed" in str(error)


def test_from_https_only_https_is_followed() -> None:
    assert redirected("https://a.org/x", "http://a.org/x") is None
    assert "https://b.org/y" == redirected("https://a.org/x", "https://b.org/y")
    assert "https://a.org/z" == redirected("http://a.org/x", "https://a.org/z")
    assert redirected("https://a.org/x", "https://user:word@b.org/") is None


def test_another_content_type_is_refused(tmp_path: Path) -> None:
    notice = Reply(body=b"<html>We are moving</html>", kind="text/html; charset=utf-8")
    with publishing(notice) as publisher:
        error = refusal(publisher.site, tmp_path, types=("text/csv",))

    assert "'text/html'" in str(error)
    assert "text/csv" in str(error)
    assert not error.transient


@pytest.mark.parametrize("announced", ["", str(len(BODY))])
def test_an_answer_over_the_limit_is_refused_and_not_kept(tmp_path: Path, announced: str) -> None:
    """Whether its length was announced, or found out on the way."""
    headers = {"Content-Length": announced, "Connection": "close"}
    with publishing(Reply(body=BODY, headers=headers, cut=len(BODY))) as publisher:
        error = refusal(publisher.site, tmp_path, most_bytes=10)

    assert "is larger than" in str(error)
    assert not error.transient
    assert not list(tmp_path.rglob("part"))


def test_a_small_answer_that_unpacks_to_a_huge_one_is_refused(tmp_path: Path) -> None:
    bomb = Reply(body=gzip.compress(bytes(1_000_000)), headers={"Content-Encoding": "gzip"})
    with publishing(bomb) as publisher:
        error = refusal(publisher.site, tmp_path, most_bytes=100_000)

    assert "is larger than" in str(error)


def test_an_answer_that_is_packed_twice_is_not_unpacked(tmp_path: Path) -> None:
    """Each layer unfolds a thousandfold before a byte of it is counted."""
    bomb = gzip.compress(gzip.compress(bytes(1_000_000)))
    with publishing(Reply(body=bomb, headers={"Content-Encoding": "gzip, gzip"})) as publisher:
        error = refusal(publisher.site, tmp_path)

    assert "is packed as 'gzip, gzip'" in str(error)
    assert not error.transient


def test_a_copy_of_another_digest_stays_refused(tmp_path: Path) -> None:
    """Also when the server confirms that it is still its answer."""
    unchanged = Reply(status=304, headers={"ETag": '"one"'})
    with publishing(with_etag(), unchanged) as publisher:
        first = refusal(publisher.site, tmp_path, sha256="0" * 64)
        again = refusal(publisher.site, tmp_path, sha256="0" * 64)

    assert '"one"' == publisher.asked[1].headers["if-none-match"]
    assert str(first) == str(again)


def test_the_digest_of_what_arrived_is_checked(tmp_path: Path) -> None:
    with publishing(Reply(body=BODY)) as publisher:
        wanted = hashlib.sha256(BODY).hexdigest()
        get(publisher.site, tmp_path, sha256=wanted)
        error = refusal(publisher.site, tmp_path, sha256="0" * 64)

    assert "sha256" in str(error)


def secret(publisher: Publisher, path: str = "/v2") -> Address:
    return Address(
        url=f"{publisher.site}{path}",
        parameters=(("length", "5"),),
        secrets={"api_key": "open sesame"},
    )


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=403, kind="application/json", body=b'{"error": "key open%20sesame is off"}'),
        Reply(status=500, kind="text/plain", body=b"api_key=open sesame"),
        Reply(status=302, headers={"Location": "gopher://x/?api_key=open%20sesame"}),
        Reply(kind="text/html", body=b"no"),
        Reply(body=BODY, cut=3),
        Reply(body=BODY * 9),
    ],
)
def test_a_key_is_sent_and_never_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, reply: Reply
) -> None:
    """Not in errors, in what is said meanwhile, in logs, nor in names of files."""
    caplog.set_level(logging.DEBUG)
    slept = Slept()
    with publishing(reply) as publisher:
        error = refusal(
            publisher.site,
            tmp_path,
            slept,
            address=secret(publisher),
            types=("text/csv",),
            most_bytes=60,
        )

    told = " ".join([str(error), *slept.said, caplog.text, *map(str, tmp_path.rglob("*"))])
    assert "open sesame" == publisher.asked[0].query["api_key"]
    assert "sesame" not in told
    assert "api_key=***" in str(error)
    assert "GET" in caplog.text


def test_a_key_is_not_taken_along_to_another_host(tmp_path: Path) -> None:
    with publishing(Reply(body=BODY)) as elsewhere:

        def moved(asked: Asked) -> Reply:
            key = asked.query["api_key"].replace(" ", "+")
            return Reply(status=302, headers={"Location": f"{elsewhere.site}/v2?api_key={key}"})

        with publishing(moved) as publisher:
            error = refusal(publisher.site, tmp_path, address=secret(publisher))

    assert not elsewhere.asked
    assert "the key would go to another host" in str(error)
    assert "sesame" not in str(error)


def test_a_redirect_to_another_host_without_the_key_is_followed(tmp_path: Path) -> None:
    with publishing(Reply(body=BODY)) as elsewhere:
        moved = Reply(status=302, headers={"Location": f"{elsewhere.site}/file.csv"})
        with publishing(moved) as publisher:
            fetched = get(publisher.site, tmp_path, address=secret(publisher))

    assert {} == elsewhere.asked[0].query
    assert BODY == body_of(fetched)


def test_another_key_is_the_same_address(tmp_path: Path) -> None:
    one = Address(url="https://a.org", secrets={"api_key": "one"})
    other = Address(url="https://a.org", secrets={"api_key": "other"})

    assert one.key == other.key
    assert "one" not in repr(one)


@given(
    moment=st.datetimes(
        min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
    )
)
def test_a_date_in_retry_after_is_never_a_negative_wait(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)

    expected = max(0.0, (whole - NOW).total_seconds())
    assert expected == retry_after(format_datetime(whole, usegmt=True), NOW)


@pytest.mark.parametrize(
    "value", [None, "soon", "", "-3", f"Wed, 21 Oct {9**30} 07:28:00 GMT", "Wed, 21 Oct 99999"]
)
def test_what_retry_after_does_not_say_is_not_guessed(value: str | None) -> None:
    assert retry_after(value, NOW) is None


def test_pauses_grow_up_to_the_longest() -> None:
    pause: Callable[[int], float] = lambda attempt: growing(attempt, 2.0, 30.0)  # noqa: E731

    assert [2, 4, 8, 16, 30, 30] == [pause(attempt) for attempt in range(1, 7)]
