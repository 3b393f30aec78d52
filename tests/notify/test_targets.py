"""What arrives at real servers, and what is said when nothing does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from standings import NOW, status

from pipeline.cli.notifying import notify
from pipeline.errors import OptionError
from pipeline.notify.events import Event, events
from pipeline.notify.targets import target_of
from pipeline.publish import publish, read_status
from pipeline.store import Store


@pytest.fixture
def event() -> Event:
    found = status(health="failing", headline="a <b> & c")
    return events(found, site="https://x.example", now=NOW)[0]


def test_a_webhook_gets_every_part_by_name(hook: Any, event: Event) -> None:
    assert "" == target_of(f"webhook:{hook.url}", {}).send(event)

    assert hook.got == [
        {
            "case": "bikes",
            "rule": "status",
            "state": "failing",
            "title": "Bicycles in Paris: failing",
            "sentence": "a <b> & c",
            "number": "rmse 28.1 bicycles/h; the baseline has 33.4",
            "link": "https://x.example/bikes/runs/r1.html",
        }
    ]


def test_a_chat_gets_text_without_markup(hook: Any, event: Event) -> None:
    target_of(f"slack:{hook.url}", {}).send(event)

    assert "a &lt;b&gt; &amp; c" in hook.got[0]["text"]


def test_a_refusal_is_said_without_the_address(hook: Any, event: Event) -> None:
    hook.answer = 503
    target = target_of(f"webhook:{hook.url}", {})

    assert "it answered 503" == target.send(event)
    assert "secret-path" not in target.name


def test_a_server_that_is_away_is_said(event: Event) -> None:
    assert "ConnectError" == target_of("webhook:http://127.0.0.1:9/x", {}).send(event)
    away = {"VIGIE_SMTP_HOST": "127.0.0.1", "VIGIE_SMTP_PORT": "9"}
    assert "ConnectionRefusedError" == target_of("mailto:a@example.org", away).send(event)


def test_a_letter_has_a_subject_and_the_text(mail: Any, event: Event) -> None:
    server = {
        "VIGIE_SMTP_HOST": "127.0.0.1",
        "VIGIE_SMTP_PORT": str(mail.port),
        "VIGIE_SMTP_TLS": "no",
        "VIGIE_SMTP_FROM": "vigie@example.org",
    }
    assert "" == target_of("mailto:a@example.org", server).send(event)

    (letter,) = mail.letters
    assert "Subject: [Vigie] Bicycles in Paris: failing" in letter
    assert "From: vigie@example.org" in letter
    assert "https://x.example/bikes/runs/r1.html" in letter


@pytest.mark.parametrize(
    "address",
    [
        "pigeon:home",
        "webhook:ftp://x",
        "mailto:nobody",
        "slack:",
        "slack:https://",
        "webhook:http://[",
    ],
)
def test_an_unknown_target_is_refused(address: str) -> None:
    with pytest.raises(OptionError, match="Write webhook:https"):
        target_of(address, {})


def test_a_letter_without_a_server_is_refused() -> None:
    with pytest.raises(OptionError, match="VIGIE_SMTP_HOST"):
        target_of("mailto:a@example.org", {})


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(OptionError, match=r"VIGIE_SMTP_PORT is 'ssl'\. Set it to a port"):
        target_of("mailto:a@example.org", {"VIGIE_SMTP_HOST": "x", "VIGIE_SMTP_PORT": "ssl"})


def test_the_command_ends_well_when_a_target_is_down(tiny_home: Any) -> None:
    called = CliRunner().invoke(
        notify,
        ["webhook:http://127.0.0.1:9/x", "--home", str(tiny_home)],
        catch_exceptions=False,
    )

    assert (0, "0 messages sent.") == (called.exit_code, called.output.splitlines()[-1])


def test_the_link_of_a_message_leads_to_a_page_of_the_site(tiny_home: Any, tmp_path: Path) -> None:
    store = Store.at(tiny_home)
    publish(store, tmp_path / "site", renderer="embedded", now=NOW)
    site = "https://x.example/vigie"

    (link,) = {event.link for event in events(read_status(store, now=NOW), site=site, now=NOW)}

    assert (tmp_path / "site" / link.removeprefix(f"{site}/")).is_file()


def test_the_command_says_which_rules_there_are() -> None:
    called = CliRunner().invoke(notify, ["--rules", "weather", "webhook:http://127.0.0.1:9/x"])

    assert "There is no rule 'weather'" in str(called.exception)


def test_the_command_without_a_target_says_how_to_name_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VIGIE_NOTIFY", raising=False)

    assert "Nobody to tell" in CliRunner().invoke(notify, []).output
