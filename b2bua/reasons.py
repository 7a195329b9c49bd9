"""Why a leg ended: the one list of reasons, and how SIP says each of them.

The words are the contract's (vsi-behaviour 2.5). It is an open set for clients: other SIP failures become `sip_<code>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EndReason(StrEnum):
    """Reasons that Legroom itself gives. A reason on the wire may also be `sip_<code>`."""

    API_HANGUP = "api_hangup"
    REMOTE_BYE = "remote_bye"
    CALLER_CANCEL = "caller_cancel"
    RING_TIMEOUT = "ring_timeout"
    MAX_DURATION = "max_duration"
    ROOM_DELETED = "room_deleted"
    SHUTDOWN = "shutdown"
    CONNECT_FAILED = "connect_failed"
    INVITE_FAILED = "invite_failed"
    SESSION_EXPIRED = "session_expired"
    BUSY = "busy"
    DECLINED = "declined"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    UNAUTHORIZED = "unauthorized"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    NOT_ACCEPTABLE = "not_acceptable"
    SERVICE_UNAVAILABLE = "service_unavailable"


REJECTIONS: dict[EndReason, int] = {
    EndReason.BUSY: 486,
    EndReason.DECLINED: 603,
    EndReason.REJECTED: 603,
    EndReason.UNAVAILABLE: 480,
    EndReason.NOT_FOUND: 404,
    EndReason.FORBIDDEN: 403,
    EndReason.SERVER_ERROR: 500,
}
"""The reasons a client may give for an unanswered inbound leg, and the SIP final response of each."""

REJECTION_WITHOUT_REASON = 480
"""The final response to an inbound call that is deleted unanswered without a reason, or at shutdown."""

FAILURES: dict[int, EndReason] = {
    401: EndReason.UNAUTHORIZED,
    403: EndReason.FORBIDDEN,
    404: EndReason.NOT_FOUND,
    407: EndReason.UNAUTHORIZED,
    408: EndReason.TIMEOUT,
    480: EndReason.UNAVAILABLE,
    486: EndReason.BUSY,
    487: EndReason.CANCELLED,
    488: EndReason.NOT_ACCEPTABLE,
    503: EndReason.SERVICE_UNAVAILABLE,
    603: EndReason.DECLINED,
}
"""What a final response to our INVITE means."""


@dataclass(frozen=True)
class SipEnding:
    """How a SIP dialog ended, as the SIP thread saw it."""

    inbound: bool
    confirmed: bool
    """The dialog was confirmed: ACK received or sent."""
    answered: bool
    """A 200 was sent or received."""
    code: int
    """The last status code; of our own making where the peer said nothing."""
    heard: bool
    """The peer answered something, be it a provisional response."""


def reason_of(ending: SipEnding) -> str:
    """The reason of an ending that nobody on our side asked for."""
    if ending.confirmed:
        # pjsip reports the BYE's own 200; a session timer that ran out as 408.
        return EndReason.SESSION_EXPIRED if ending.code == 408 else EndReason.REMOTE_BYE
    if ending.inbound:
        return EndReason.CALLER_CANCEL if ending.code == 487 and not ending.answered else EndReason.CONNECT_FAILED
    if ending.answered:
        return EndReason.CONNECT_FAILED
    if not ending.heard:
        return EndReason.INVITE_FAILED
    return FAILURES.get(ending.code, f"sip_{ending.code}")
