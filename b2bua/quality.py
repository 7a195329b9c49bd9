"""How good a leg's audio was: the simplified E-model of the contract (vsi-behaviour 2.6, after ITU-T G.107)."""

from __future__ import annotations

from b2bua.events import Quality
from b2bua.sip.notices import StreamStatistics

MINIMUM_PACKETS = 2
"""With fewer, nothing can be said."""


def mos(lost_percent: float, jitter_ms: float) -> float:
    """Mean opinion score, 1.0 to 5.0."""
    latency_ms = 2 * jitter_ms + 10
    r = 93.2 - latency_ms / 40
    if latency_ms >= 160:
        r -= 10
    r = min(max(r - 2.5 * lost_percent, 0.0), 100.0)
    score = 1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r)
    return min(max(score, 1.0), 5.0)


def quality(received: StreamStatistics) -> Quality | None:
    """The event's quality object, or None when too little was received."""
    if received.packets < MINIMUM_PACKETS:
        return None
    expected = received.packets + received.lost
    return Quality(
        mos_score=round(mos(100 * received.lost / expected, received.jitter_ms), 2),
        rtp_packets_received=received.packets,
        rtp_packets_lost=received.lost,
        rtp_jitter_ms=round(received.jitter_ms, 2),
    )
