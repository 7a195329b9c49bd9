"""Session descriptions as text: what is offered, and what of our own we let stand (RFC 4566, RFC 3264).

Pure functions. pjmedia negotiates; these choose which codecs it may negotiate with.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

STATIC_PAYLOADS = {0: ("PCMU", 8000), 3: ("GSM", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000), 18: ("G729", 8000)}
"""Payload types that need no rtpmap (RFC 3551 table 4)."""

KNOWN_CODECS = ("PCMU", "PCMA", "G722", "opus", "G729", "AMR", "AMR-WB", "GSM", "speex")
"""Every codec that pjproject was built with, in the contract's spelling."""

_RTPMAP = re.compile(r"a=rtpmap:([0-9]{1,3})\s+([^/\s]+)/([0-9]{1,6})", re.IGNORECASE)
_PAYLOAD_ATTRIBUTE = re.compile(r"a=(?:rtpmap|fmtp|rtcp-fb):([0-9]{1,3})\s")
_TELEPHONE_EVENT = "telephone-event"


@dataclass(frozen=True)
class Codec:
    """One payload of an audio section."""

    name: str
    payload_type: int
    clock_rate: int


def canonical_codec(name: str) -> str | None:
    """The contract's spelling of a codec name, or None for one that is not known."""
    by_lower = {known.lower(): known for known in KNOWN_CODECS}
    return by_lower.get(name.lower())


def audio_codecs(sdp: str) -> list[Codec]:
    """The codecs of the first audio section in the offer's order, without telephone-event and comfort noise."""
    section = next((section for section in _sections(sdp) if section[0].startswith("m=audio ")), None)
    if section is None:
        return []
    helpers = {_TELEPHONE_EVENT, "cn", "red"}
    return [codec for codec in _payloads(section) if codec.name.lower() not in helpers]


def has_literal_addresses(sdp: str) -> bool:
    """Whether every connection address is an IP address. A name would be looked up, blocking, when media starts."""
    lines = [line.split() for line in sdp.splitlines()]
    connections = [parts for parts in lines if parts and parts[0].startswith("c=")]
    # RFC 3605: `a=rtcp:port`, or with an address behind it.
    control = [parts for parts in lines if len(parts) > 1 and parts[0].startswith("a=rtcp:")]
    return all(len(parts) == 3 and _is_address(parts[2].partition("/")[0]) for parts in connections) and all(
        len(parts) == 4 and _is_address(parts[3]) for parts in control
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def keep_codecs(sdp: str, names: Sequence[str]) -> str:
    """Our own description with only the audio codecs `names`, in that order, and the telephone-events they need.

    An audio section in which none of them is left is returned as it was: an empty one would not be SDP.
    """
    sections = _sections(sdp)
    kept = [_keep_in_section(section, names) if section[0].startswith("m=audio ") else section for section in sections]
    return "".join(f"{line}\r\n" for section in kept for line in section)


def _sections(sdp: str) -> list[list[str]]:
    """The session part, then one list of lines per m= line."""
    sections: list[list[str]] = [[]]
    for line in sdp.replace("\r\n", "\n").split("\n"):
        if line.startswith("m="):
            sections.append([])
        if line:
            sections[-1].append(line)
    return [section for section in sections if section]


def _payloads(section: Iterable[str]) -> list[Codec]:
    lines = list(section)
    described = {
        int(found.group(1)): (found.group(2), int(found.group(3))) for line in lines if (found := _RTPMAP.match(line))
    }
    payloads = []
    for text in lines[0].split()[3:]:
        if not re.fullmatch(r"[0-9]{1,3}", text):
            continue
        number = int(text)
        name, rate = described.get(number) or STATIC_PAYLOADS.get(number) or (None, 0)
        if name is not None:
            payloads.append(Codec(canonical_codec(name) or name, number, rate))
    return payloads


def _keep_in_section(section: list[str], names: Sequence[str]) -> list[str]:
    payloads = _payloads(section)
    wanted = [codec for name in names for codec in payloads if codec.name.lower() == name.lower()]
    if not wanted:
        return section
    rates = {codec.clock_rate for codec in wanted}
    events = [codec for codec in payloads if codec.name.lower() == _TELEPHONE_EVENT]
    # A digit's events run on the clock of the audio beside them (RFC 4733 section 2.1); 8000 is the common ground.
    wanted += [event for event in events if event.clock_rate in rates] or events[:1]
    kept = {codec.payload_type for codec in wanted}
    media = section[0].split()[:3] + [str(codec.payload_type) for codec in wanted]
    return [" ".join(media)] + [line for line in section[1:] if _belongs(line, kept)]


def _belongs(line: str, kept: set[int]) -> bool:
    found = _PAYLOAD_ATTRIBUTE.match(line)
    return found is None or int(found.group(1)) in kept
