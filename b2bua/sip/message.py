"""What call control needs of a received SIP message, as plain data (RFC 3261).

pjsip has parsed and accepted the message by the time it gets here; this only reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from b2bua.sip.sdp import Codec, audio_codecs, has_literal_addresses

COMPACT_NAMES = {
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "c": "content-type",
    "v": "via",
    "l": "content-length",
}
"""Compact header forms (RFC 3261 section 7.3.3), those that are looked up here."""

CUSTOM_PREFIXES = ("x-", "p-")
CONTROL_HEADERS = {"x-app-id": "app_id", "x-webhook-url": "webhook_url", "x-webhook-secret": "webhook_secret"}
"""Headers of an INVITE that set something for the leg (vsi-behaviour 2.2)."""
SECRET_HEADERS = {"x-webhook-secret"}

_USER = re.compile(r"<?\s*(?:sips?|tel):(?:(?P<user>[^@>;?]*)@|(?P<number>[^@>;?]+))", re.IGNORECASE)


@dataclass(frozen=True)
class Invite:
    """An incoming INVITE."""

    from_user: str
    to_user: str
    custom_headers: dict[str, str]
    """X- and P- headers as received, first value each, secrets left out."""
    app_id: str | None
    has_offer: bool
    is_whole: bool
    """The body is as long as Content-Length says, or longer (RFC 3261 section 18.3)."""
    has_addresses: bool
    """Its media addresses are IP addresses, not names."""
    offered: list[Codec]


def parse_invite(text: str) -> Invite:
    """Read an INVITE's whole text. Never raises: what is not UTF-8 or not a number is read as well as it can be."""
    # pjsua2 spells bytes that are not UTF-8 as surrogates, which nothing could be told of later.
    raw = text.encode("utf-8", "surrogateescape")
    text = raw.decode("utf-8", "replace")
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    headers = parse_headers(head)
    first = {name.lower(): value for name, value in reversed(headers)}
    controls = {CONTROL_HEADERS[name]: value for name, value in first.items() if name in CONTROL_HEADERS}
    return Invite(
        from_user=uri_user(first.get("from", "")),
        to_user=uri_user(first.get("to", "")),
        custom_headers=_custom(headers),
        app_id=controls.get("app_id") or None,
        has_offer=bool(body.strip()),
        is_whole=_content_length(first) <= len(raw.partition(b"\r\n\r\n")[2]),
        has_addresses=has_literal_addresses(body),
        offered=audio_codecs(body),
    )


def parse_headers(head: str) -> list[tuple[str, str]]:
    """Names (compact ones spelt out) and values in order; folded lines are joined (RFC 3261 section 7.3.1)."""
    unfolded = re.sub(r"\n[ \t]+", " ", head)
    pairs = []
    for line in unfolded.split("\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip()
            pairs.append((COMPACT_NAMES.get(name.lower(), name), value.strip()))
    return pairs


def uri_user(value: str) -> str:
    """The user part of the URI in a From or To value; the number of a tel: URI; empty when there is none."""
    uri = value[value.find("<") :] if "<" in value else value
    found = _USER.match(uri.strip())
    if found is None:
        return ""
    number = found.group("number")
    if number is not None:
        return number if uri.strip().lstrip("<").lower().startswith("tel:") else ""
    user, _, _password = found.group("user").partition(":")
    return unquote(user)


def _content_length(headers: dict[str, str]) -> int:
    value = headers.get("content-length", "")
    return int(value) if re.fullmatch(r"[0-9]{1,9}", value) else 0


def _custom(headers: list[tuple[str, str]]) -> dict[str, str]:
    custom: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower.startswith(CUSTOM_PREFIXES) and lower not in SECRET_HEADERS:
            custom.setdefault(name, value)
    return custom
