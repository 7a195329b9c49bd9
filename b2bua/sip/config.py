"""How the SIP engine is set up. Filled from the settings by api/; defaults are the contract's, on loopback."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SipConfig:
    """Addresses are IPv4 literals; ports 0 mean any free one."""

    bind_ip: str = "127.0.0.1"
    """Advertised in Via, Contact and SDP."""
    listen_ip: str = ""
    """Where sockets are bound; empty means bind_ip."""
    external_ip: str = ""
    """Advertised instead of bind_ip, for a server behind NAT."""
    domain: str = ""
    """Host part of our own URIs; empty means the advertised address."""
    port: int = 5060
    tcp: bool = False
    user_agent: str = "legroom"
    rtp_port_min: int = 10000
    rtp_port_max: int = 20000
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    auto_ringing: bool = False
    delayed_offer: bool = False
    """Accept an INVITE without SDP and answer it with an offer (RFC 3261 section 13.3.1.4)."""
    max_calls: int = 2000
    nameservers: tuple[str, ...] = ()
    """DNS servers for the names in peers' Contact and Route headers."""
    log_level: int = 2
    """pjproject's own: 1 errors, 2 warnings, 3 information, 4 and 5 debugging."""

    @property
    def advertised_ip(self) -> str:
        return self.external_ip or self.bind_ip

    @property
    def host(self) -> str:
        return self.domain or self.advertised_ip

    @property
    def socket_ip(self) -> str:
        return self.listen_ip or self.bind_ip
