"""Configuration by environment variables, under the contract's names and defaults (vsi-behaviour 9.3).

One place for each default. Where the contract's own default would listen on every interface, ours is loopback.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
import tempfile
import uuid
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from b2bua.core import CoreConfig
from b2bua.dialing import check_codecs
from b2bua.errors import LegroomError, StartError
from b2bua.sip.config import SipConfig

LogLevel = Literal["debug", "info", "warn", "error"]
LOG_LEVELS: dict[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}

Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseSettings):
    """Every setting, its default, and what it means. Names are the environment variables', in lower case."""

    model_config = SettingsConfigDict(extra="ignore", case_sensitive=False, env_ignore_empty=True)

    instance_id: str = Field(default_factory=lambda: str(uuid.uuid4()), description="In every response and event")
    http_addr: str = Field("127.0.0.1:8080", description="HTTP listen address; :8080 means every interface")
    sip_bind_ip: str = Field("127.0.0.1", description="Address advertised in SIP and SDP; 0.0.0.0 finds it")
    sip_listen_ip: str = Field("", description="Address that sockets are bound to; empty means SIP_BIND_IP")
    sip_external_ip: str = Field("", description="Advertised instead of SIP_BIND_IP, behind NAT")
    sip_domain: str = Field("", description="Host part of our own SIP URIs; empty means the advertised address")
    sip_port: Port = Field(5060, description="SIP port; 0 means any free one")
    sip_tcp_enabled: bool = Field(False, description="Listen on TCP as well as UDP")
    sip_host: str = Field("legroom", description="Server and User-Agent text")
    sip_auto_ringing: bool = Field(False, description="Send 180 to every INVITE at once")
    sip_delayed_offer: bool = Field(False, description="Accept an INVITE without SDP; otherwise 400 Bad SDP")
    sip_codecs: Annotated[tuple[str, ...], NoDecode] = Field(
        ("PCMU", "PCMA"), description="Enabled codecs, comma-separated"
    )
    sip_max_calls: int = Field(2000, ge=1, le=2000, description="SIP calls at once")
    sip_debug: bool = Field(False, description="Log pjproject at full detail, messages included")
    rtp_port_min: Port = Field(10000, description="First UDP port for RTP")
    rtp_port_max: Port = Field(20000, description="Last UDP port for RTP")
    default_sample_rate: int = Field(16000, description="Rate of rooms created without one, Hz: 8000, 16000, 48000")
    vsi_event_buffer_size: int = Field(256, description="Events queued for a VSI client that reads slowly")
    recording_dir: Path = Field(
        default_factory=lambda: Path(tempfile.gettempdir()) / "recordings", description="Where recordings go"
    )
    log_level: LogLevel = Field("info", description="debug, info, warn or error")

    @field_validator("sip_codecs", mode="before")
    @classmethod
    def _codec_list(cls, value: object) -> object:
        names = [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value
        if not isinstance(names, list | tuple):
            return value
        if not names:
            raise ValueError("name at least one codec")
        try:
            return tuple(check_codecs([str(name) for name in names]))
        except LegroomError as error:
            raise ValueError(str(error)) from error

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        lower = str(value).lower()
        return {"warning": "warn"}.get(lower, lower)

    @field_validator("default_sample_rate")
    @classmethod
    def _known_rate(cls, value: int) -> int:
        return value if value in {8000, 16000, 48000} else 16000  # as the contract has it

    @field_validator("vsi_event_buffer_size", mode="before")
    @classmethod
    def _clamped(cls, value: object) -> int:
        try:
            return min(max(int(str(value)), 16), 1_000_000)
        except ValueError:
            return 256

    @field_validator("sip_bind_ip", "sip_listen_ip", "sip_external_ip")
    @classmethod
    def _address(cls, value: str) -> str:
        if value:
            ipaddress.IPv4Address(value)
        return value

    @classmethod
    def load(cls) -> Settings:
        """From the environment. Raises StartError with one line per variable that is wrong."""
        try:
            return cls()
        except ValidationError as error:
            wrong = [
                f"{'.'.join(map(str, problem['loc'])).upper()}: {problem['msg']} (it is {problem['input']!r})"
                for problem in error.errors()
            ]
            raise StartError("; ".join(wrong)) from error

    @property
    def http_endpoint(self) -> tuple[str, int]:
        """Host and port to bind. Raises StartError when HTTP_ADDR is neither host:port nor :port."""
        host, colon, port = self.http_addr.rpartition(":")
        if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
            raise StartError(f'HTTP_ADDR must be host:port or :port, not "{self.http_addr}"')
        return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104  (asked for explicitly)

    def core_config(self) -> CoreConfig:
        """What b2bua/ needs. Raises StartError."""
        if self.rtp_port_max - self.rtp_port_min < 2:
            raise StartError(
                f"RTP_PORT_MAX {self.rtp_port_max} must be above RTP_PORT_MIN {self.rtp_port_min} by 2 or more"
            )
        # The contract's way to ask for this machine's own address.
        found = self.sip_bind_ip == "0.0.0.0"  # noqa: S104  (compared with, not bound to)
        bind_ip = own_address() if found else self.sip_bind_ip
        listen_ip = self.sip_listen_ip or self.sip_bind_ip
        return CoreConfig(
            instance_id=self.instance_id,
            recording_dir=self.recording_dir,
            default_sample_rate=self.default_sample_rate,
            sip=SipConfig(
                bind_ip=bind_ip,
                listen_ip=listen_ip,
                external_ip=self.sip_external_ip,
                domain=self.sip_domain,
                port=self.sip_port,
                tcp=self.sip_tcp_enabled,
                user_agent=self.sip_host,
                rtp_port_min=self.rtp_port_min,
                rtp_port_max=self.rtp_port_max,
                codecs=self.sip_codecs,
                auto_ringing=self.sip_auto_ringing,
                delayed_offer=self.sip_delayed_offer,
                max_calls=self.sip_max_calls,
                nameservers=system_nameservers(),
                log_level=5 if self.sip_debug else 2,
            ),
        )


def system_nameservers(path: Path = Path("/etc/resolv.conf")) -> tuple[str, ...]:
    """The IPv4 name servers that this machine uses."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ()
    named = [line.split()[1] for line in lines if line.startswith("nameserver") and len(line.split()) > 1]
    return tuple(address for address in named if re.fullmatch(r"\d+(\.\d+){3}", address))


def own_address() -> str:
    """The address that this machine's default route leaves by. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
