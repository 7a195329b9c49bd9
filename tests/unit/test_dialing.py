"""b2bua.dialing: from a client's request to an INVITE."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.dialing import (
    OutboundCall,
    check,
    check_codecs,
    check_headers,
    dial_request,
    from_address,
    parse_uri,
    resolve,
)
from b2bua.errors import Invalid
from b2bua.sip.config import SipConfig


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("sip:alice@example.com", ("sip", "alice", "example.com", None, "")),
        ("  SIP:alice@example.com ", ("sip", "alice", "example.com", None, "")),
        ("sips:alice@example.com:5061", ("sips", "alice", "example.com", 5061, "")),
        ("sip:+1555@10.0.0.1:5060;transport=tcp;lr", ("sip", "+1555", "10.0.0.1", 5060, ";transport=tcp;lr")),
        ("sip:example.com", ("sip", "", "example.com", None, "")),
        ("sip:a:secret@b", ("sip", "a:secret", "b", None, "")),
        ("sip:a@[2001:db8::1]:5060", ("sip", "a", "[2001:db8::1]", 5060, "")),
        ("sip:a@b?Subject=x", ("sip", "a", "b", None, "")),
    ],
)  # fmt: skip
def test_a_sip_uri_is_taken_apart(text: str, parts: tuple[str, str, str, int | None, str]) -> None:
    """And put together again: its headers are dropped, the scheme is in lower case."""
    uri = parse_uri(text)
    assert (uri.scheme, uri.user, uri.host, uri.port, uri.parameters) == parts
    assert parse_uri(str(uri)) == uri


@pytest.mark.parametrize(
    "text",
    ["", "alice", "alice@example.com", "tel:+1555", "http://example.com", "sip:", "sip:@example.com", "sip:a@",
     "sip:a@b:0", "sip:a@b:65536", "sip:a@b:port", "sip:a b@c", "sip:a@b c", "<sip:a@b>",
     "sip:a@b\r\nX-Evil: 1", "sip:a@b;x\r\ny", "sip:a@b,sip:c@d"],
)  # fmt: skip
def test_what_is_no_sip_uri_is_refused_with_an_example(text: str) -> None:
    """The text says what was given and what would be right."""
    with pytest.raises(Invalid, match=r"(?s)not a SIP URI: .*expected something like sip:"):
        parse_uri(text)


@given(st.text())
def test_any_text_is_a_uri_or_refused(text: str) -> None:
    """Nothing else comes out, and no line break gets in."""
    try:
        uri = str(parse_uri(f"sip:{text}"))
    except Invalid:
        return
    assert not set(uri) & set("\r\n <>")


@pytest.mark.parametrize(
    ("names", "codecs"), [([], []), (["pcmu", "OPUS", "G722"], ["PCMU", "opus", "G722"]), (["amr-wb"], ["AMR-WB"])]
)
def test_codecs_are_taken_in_any_case(names: list[str], codecs: list[str]) -> None:
    """In the order given, in the contract's spelling."""
    assert check_codecs(names) == codecs


@pytest.mark.parametrize("names", [["MP3"], ["PCMU", ""], ["PCMU/8000"]])
def test_an_unknown_codec_is_refused_by_name(names: list[str]) -> None:
    """With the list of those that are known."""
    with pytest.raises(Invalid, match=f'unknown codec "{names[-1]}"; known are PCMU, PCMA'):
        check_codecs(names)


@pytest.mark.parametrize(
    "headers", [{}, {"X-A": "1"}, {"P-Charging-Vector": "a;b=c"}, {"Subject": "Grüße"}, {"X-A": ""}]
)
def test_headers_of_the_clients_own_are_fine(headers: dict[str, str]) -> None:
    """Whatever one-line text they carry."""
    check_headers(headers)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("", "1", "is not a SIP header name"),
        ("X A", "1", "is not a SIP header name"),
        ("X:A", "1", "is not a SIP header name"),
        ("X-A\r\n", "1", "is not a SIP header name"),
        ("Via", "1", "cannot be set"),
        ("CONTACT", "1", "cannot be set"),
        ("m", "1", "cannot be set"),
        ("X-A", "1\r\nX-B: 2", "line break"),
        ("X-A", "1\n", "line break"),
        ("X-A", "1\0", "line break"),
    ],
)
def test_a_header_that_would_break_the_message_is_refused(name: str, value: str, complaint: str) -> None:
    """Bad names, the stack's own headers, and line breaks."""
    with pytest.raises(Invalid, match=complaint):
        check_headers({name: value})


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        ("", ""),
        ("alice", "sip:alice@pbx"),
        ("+15551234567", "sip:+15551234567@pbx"),
        ("sip:bob@example.com", "sip:bob@example.com"),
        ("SIPS:bob@example.com:5061", "sips:bob@example.com:5061"),
    ],
)
def test_from_is_a_user_at_our_host_or_a_whole_uri(given: str, uri: str) -> None:
    """Empty means the default identity."""
    assert from_address(given, "pbx") == uri


@pytest.mark.parametrize("given", ["alice@example.com", "a b", "a>b", 'a"', "a\r\nb", "sip:", "sip:a b@c"])
def test_a_from_that_is_neither_is_refused(given: str) -> None:
    """It would break the header."""
    with pytest.raises(Invalid):
        from_address(given, "pbx")


@pytest.mark.parametrize(
    "call",
    [
        OutboundCall(to="nobody"),
        OutboundCall(to="sip:a@b", codecs=["MP3"]),
        OutboundCall(to="sip:a@b", headers={"Via": "x"}),
        OutboundCall(to="sip:a@b", privacy="id\r\nX: y"),
        OutboundCall(to="sip:a@b", ring_timeout=-1),
        OutboundCall(to="sip:a@b", max_duration=-1),
        OutboundCall(to="sip:a@b", from_="a b"),
    ],
)
def test_a_request_is_refused_before_anything_is_tried(call: OutboundCall) -> None:
    """Each of its fields is looked at."""
    with pytest.raises(Invalid):
        check(call)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "[::1]"])
async def test_an_address_needs_no_lookup(host: str) -> None:
    """The URI is the target."""
    assert await resolve(parse_uri(f"sip:a@{host}:5070")) == ""


async def test_a_host_name_is_resolved_to_where_the_invite_is_sent() -> None:
    """User, port and parameters stay."""
    assert await resolve(parse_uri("sip:a@localhost:5070;lr")) == "sip:a@127.0.0.1:5070;lr"


@pytest.mark.parametrize("host", ["a..b", "...", "x" * 64])
async def test_a_host_that_cannot_be_a_name_is_an_os_error(host: str) -> None:
    """As for any other host that is not found."""
    with pytest.raises(OSError, match=r"\w"):
        await resolve(parse_uri(f"sip:a@{host}"))


async def test_an_invite_carries_what_the_client_asked_for() -> None:
    """The identity twice (From and P-Asserted-Identity), privacy, headers; the server's codecs when none are named."""
    config = SipConfig(domain="pbx", codecs=("PCMA",))
    call = OutboundCall(to="sip:bob@127.0.0.1", from_="alice", privacy="id", headers={"X-A": "1"})
    dial = await dial_request(call, check(call), config)
    assert (dial.uri, dial.target, dial.from_uri) == ("sip:bob@127.0.0.1", "", "<sip:alice@pbx>")
    assert dial.headers == {"X-A": "1", "P-Asserted-Identity": "<sip:alice@pbx>", "Privacy": "id"}
    assert list(dial.codecs) == ["PCMA"]


async def test_a_bare_request_says_nothing_about_the_caller() -> None:
    """No From of its own, no extra headers; codecs as asked, in order."""
    call = OutboundCall(to="sip:bob@127.0.0.1", codecs=["opus", "pcmu"])
    dial = await dial_request(call, check(call), SipConfig())
    assert (dial.from_uri, dial.headers, dial.codecs) == ("", {}, ["opus", "PCMU"])
