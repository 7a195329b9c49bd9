"""From a client's request to an INVITE: URIs, headers, and where to send it (RFC 3261 section 19.1)."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from b2bua.errors import Invalid
from b2bua.sip.calls import Dial
from b2bua.sip.config import SipConfig
from b2bua.sip.sdp import KNOWN_CODECS, canonical_codec

_URI = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[^@\s<>\x00-\x1f\x7f]+)@)?(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)"
    r"(?::(?P<port>\d{1,5}))?(?P<parameters>(?:;[^\s<>?]*)?)(?:\?[^\s<>]*)?",
    re.IGNORECASE,
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")
RESERVED_HEADERS = frozenset(
    {"via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "content-length", "content-type", "route",
     "record-route", "require", "proxy-require", "supported", "allow", "f", "t", "i", "m", "v", "l", "c"}
)  # fmt: skip
"""Headers that the SIP stack writes itself; a second one would break the message."""


LONGEST_SECONDS = 10_000_000
"""Longest time limit of a call that is taken for one: about 116 days."""


@dataclass(frozen=True, kw_only=True)
class OutboundCall:
    """What a client asks for when it places a SIP call. Times in seconds, 0 for no limit."""

    to: str
    from_: str = ""
    privacy: str = ""
    ring_timeout: int = 0
    max_duration: int = 0
    codecs: Sequence[str] = ()
    headers: dict[str, str] = field(default_factory=dict)
    room_id: str = ""
    app_id: str = ""
    accept_dtmf: bool = True


@dataclass(frozen=True)
class SipUri:
    scheme: str
    user: str
    host: str
    port: int | None
    parameters: str

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port is not None else ""
        return f"{self.scheme}:{user}{self.host}{port}{self.parameters}"


def parse_uri(text: str) -> SipUri:
    """Raises Invalid with what is wrong and what would be right."""
    found = _URI.fullmatch(text.strip())
    port = int(found["port"]) if found is not None and found["port"] else None
    if found is None or (port is not None and not 0 < port < 65536):
        raise Invalid(
            f'not a SIP URI: "{text}"; expected something like sip:alice@example.com or sip:+15551234567@10.0.0.1:5060'
        )
    return SipUri(found["scheme"].lower(), found["user"] or "", found["host"], port, found["parameters"])


def check_codecs(names: Sequence[str]) -> list[str]:
    """Codec names in the contract's spelling. Raises Invalid for one that is not known."""
    known = [canonical_codec(name) for name in names]
    for name, codec in zip(names, known, strict=True):
        if codec is None:
            raise Invalid(f'unknown codec "{name}"; known are {", ".join(KNOWN_CODECS)}')
    return [codec for codec in known if codec is not None]


def check_headers(headers: dict[str, str]) -> None:
    """Raises Invalid for a header that is no header, or that is not the client's to set."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise Invalid(f'"{name}" is not a SIP header name')
        if name.lower() in RESERVED_HEADERS:
            raise Invalid(f'the header "{name}" is written by the SIP stack and cannot be set')
        if any(character in value for character in "\r\n\0"):
            raise Invalid(f'the value of header "{name}" contains a line break')


def check(call: OutboundCall) -> SipUri:
    """Everything that can be refused without trying. Raises Invalid; returns the URI to call."""
    uri = parse_uri(call.to)
    check_codecs(call.codecs)
    check_headers(call.headers)
    check_headers({"Privacy": call.privacy})
    for name, value in (("ring_timeout", call.ring_timeout), ("max_duration", call.max_duration)):
        if not 0 <= value <= LONGEST_SECONDS:
            raise Invalid(f"{name} must be 0 (no limit) to {LONGEST_SECONDS} seconds")
    from_address(call.from_, "host")
    return uri


def from_address(given: str, host: str) -> str:
    """The From URI: a full SIP URI as given, else the user part at our own host; empty for the default identity."""
    if not given:
        return ""
    if given.lower().startswith(("sip:", "sips:")):
        return str(parse_uri(given))
    if not re.fullmatch(r"[A-Za-z0-9._!~*'()&=+$,;?/%-]+", given):
        raise Invalid(f'"{given}" cannot be the user part of a SIP URI; expected something like +15551234567 or alice')
    return f"sip:{given}@{host}"


async def resolve(uri: SipUri) -> str:
    """The URI to send to, its host name looked up off the SIP thread; empty when the host is an address already.

    Raises OSError when the name has no IPv4 address or cannot be one.
    """
    try:
        ipaddress.ip_address(uri.host.strip("[]"))
    except ValueError:
        pass
    else:
        return ""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(uri.host, uri.port or 5060, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except UnicodeError as error:  # an empty label, or one of more than 63 characters
        raise OSError(f"not a host name: {uri.host}") from error
    address = found[0][4][0]
    return str(SipUri(uri.scheme, uri.user, str(address), uri.port, uri.parameters))


async def dial_request(call: OutboundCall, uri: SipUri, config: SipConfig) -> Dial:
    """The INVITE for `call`. Raises OSError when the host cannot be resolved."""
    identity = from_address(call.from_, config.host)
    headers = dict(call.headers)
    if identity:
        headers["P-Asserted-Identity"] = f"<{identity}>"
    if call.privacy:
        headers["Privacy"] = call.privacy
    return Dial(
        uri=str(uri),
        target=await resolve(uri),
        from_uri=f"<{identity}>" if identity else "",
        codecs=check_codecs(call.codecs) or config.codecs,
        headers=headers,
    )
