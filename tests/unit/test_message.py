"""b2bua.sip.message: what call control reads of an INVITE."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.message import parse_headers, parse_invite, uri_user
from b2bua.sip.sdp import Codec


def invite(*headers: str, body: str = "") -> str:
    return "\r\n".join(["INVITE sip:1000@127.0.0.1 SIP/2.0", *headers, "", body])


@pytest.mark.parametrize(
    ("value", "user"),
    [
        ("<sip:alice@example.com>", "alice"),
        ("sip:alice@example.com", "alice"),
        ("sip:alice@example.com;tag=1", "alice"),
        ('"Alice @ home" <sip:alice@example.com>;tag=1', "alice"),
        ("Alice <sips:alice@example.com:5061;transport=tcp>", "alice"),
        ("<SIP:alice@example.com>", "alice"),
        ("<sip:alice:secret@example.com>", "alice"),
        ("<sip:%2B1555@example.com>", "+1555"),
        ("<sip:+15551234567@10.0.0.1;user=phone>", "+15551234567"),
        ("<sip:example.com>", ""),
        ("<sip:10.0.0.1:5060>", ""),
        ("<tel:+15551234567;phone-context=x>", "+15551234567"),
        ("tel:911", "911"),
        ("<sip:@example.com>", ""),
        ("<mailto:alice@example.com>", ""),
        ("alice", ""),
        ("", ""),
        ("<", ""),
    ],
)
def test_the_user_part_is_read_of_a_from_or_to_value(value: str, user: str) -> None:
    """Unescaped and without a password; a tel: URI's number; nothing where there is none."""
    assert uri_user(value) == user


@pytest.mark.parametrize(
    ("lines", "headers"),
    [
        (["From: a"], [("From", "a")]),
        (["f: a", "T: b", "i:c", "m:d", "C: e", "v: f"],
         [("from", "a"), ("to", "b"), ("call-id", "c"), ("contact", "d"), ("content-type", "e"), ("via", "f")]),
        (["Subject : spaced : out "], [("Subject", "spaced : out")]),
        (["X-Long: one", "  two", "\tthree"], [("X-Long", "one two three")]),
        (["no colon here", "X-A: 1"], [("X-A", "1")]),
        (["X-Empty:"], [("X-Empty", "")]),
        ([], []),
    ],
)  # fmt: skip
def test_headers_are_read_in_order(lines: list[str], headers: list[tuple[str, str]]) -> None:
    """Compact names spelt out, folded lines joined, the request line and lines that are none left out."""
    assert parse_headers("\n".join(["INVITE sip:x SIP/2.0", *lines])) == headers


def test_an_invite_is_read_whole() -> None:
    """Who calls whom, with what codecs, and the headers that are the application's."""
    text = invite(
        "From: <sip:alice@example.com>;tag=1",
        "t: <sip:1000@127.0.0.1>",
        "X-App-ID: billing",
        "X-Trace: abc",
        "P-Charging-Vector: icid",
        "Subject: none of ours",
        body="v=0\r\nm=audio 4000 RTP/AVP 8\r\n",
    )
    read = parse_invite(text)
    assert (read.from_user, read.to_user, read.app_id) == ("alice", "1000", "billing")
    assert read.custom_headers == {"X-App-ID": "billing", "X-Trace": "abc", "P-Charging-Vector": "icid"}
    assert read.has_offer
    assert read.offered == [Codec("PCMA", 8, 8000)]


def test_a_webhook_secret_is_not_shown() -> None:
    """Whatever its case; the URL is."""
    read = parse_invite(invite("X-Webhook-URL: http://x", "x-webhook-SECRET: s3cret"))
    assert read.custom_headers == {"X-Webhook-URL": "http://x"}


def test_of_a_repeated_header_the_first_counts() -> None:
    """For the application's headers and for the app id."""
    read = parse_invite(invite("X-App-ID: first", "X-App-ID: second", "x-app-id: third"))
    assert read.app_id == "first"
    assert read.custom_headers["X-App-ID"] == "first"


@pytest.mark.parametrize(("body", "offer"), [("", False), ("\r\n  \r\n", False), ("v=0\r\n", True)])
def test_an_invite_without_a_body_has_no_offer(body: str, offer: bool) -> None:
    """Blank lines are no body."""
    assert parse_invite(invite("From: <sip:a@b>", body=body)).has_offer is offer


def test_an_empty_app_id_is_none() -> None:
    """It sets nothing."""
    assert parse_invite(invite("X-App-ID:")).app_id is None


# Without surrogates and superscripts: see the tests at the end.
lines = st.lists(
    st.one_of(
        st.sampled_from(
            ["From: <sip:a@b>", "To: <", "f:sip:%zz@", "X-App-ID:", "", " folded", ":", "m=audio 1 RTP/AVP 0 9"]
        ),
        st.text(st.characters(exclude_categories=["Cs", "No"]), max_size=30),
    )
)


@given(st.one_of(st.text(st.characters(exclude_categories=["Cs", "No"])), lines.map("\r\n".join)))
def test_no_text_is_too_broken_to_read(text: str) -> None:
    """Whatever pjsip let pass."""
    parse_invite(text)


def test_headers_can_be_sent_on_to_clients() -> None:
    """A caller's bytes that are not UTF-8 come as surrogates from pjsua2; they must not travel further."""
    read = parse_invite(invite("From: <sip:a\udcff@b>", "X-Name: Andr\udce9"))
    assert "".join([read.from_user, *read.custom_headers.values()]).encode()


@pytest.mark.parametrize("length", ["²", "1" * 5000], ids=["superscript", "5000 digits"])
def test_a_content_length_that_is_no_number_is_not_fatal(length: str) -> None:
    """The INVITE is still read."""
    assert parse_invite(invite("From: <sip:a@b>", f"Content-Length: {length}")).from_user == "a"


def test_a_body_that_is_not_utf8_is_not_fatal() -> None:
    """pjsua2 gives its bytes as surrogates; the INVITE is still read."""
    assert parse_invite(invite("From: <sip:a@b>", body="v=0\r\ns=\udcff\r\n")).has_offer


@pytest.mark.parametrize(("length", "whole"), [("5", True), ("4", True), ("6", False), ("", True), ("none", True)])
def test_an_invite_is_whole_when_its_body_is_as_long_as_it_says(length: str, whole: bool) -> None:
    """Or longer; counted in bytes."""
    assert parse_invite(invite(f"l: {length}", body="v=0é")).is_whole is whole


@pytest.mark.parametrize(
    ("connection", "literal"),
    [("IN IP4 10.0.0.1", True), ("IN IP6 ::1", True), ("IN IP4 224.2.1.1/127", True), ("IN IP4 pbx.example.com", False),
     ("IN IP4", False), ("", False)],
)  # fmt: skip
def test_media_addresses_are_addresses_or_are_noticed(connection: str, literal: bool) -> None:
    """A name would have to be looked up."""
    assert parse_invite(invite("From: <sip:a@b>", body=f"v=0\r\nc={connection}\r\n")).has_addresses is literal
