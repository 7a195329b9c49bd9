"""api.settings: configuration by environment variables."""

from __future__ import annotations

import logging
import tempfile
import uuid
from pathlib import Path

import pytest

from api.settings import LOG_LEVELS, Settings, own_address
from b2bua.errors import StartError


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_the_defaults_listen_on_loopback_and_are_the_contracts_otherwise() -> None:
    """Nothing need be set."""
    settings = Settings.load()
    assert uuid.UUID(settings.instance_id)
    assert settings.http_endpoint == ("127.0.0.1", 8080)
    assert (settings.sip_bind_ip, settings.sip_port) == ("127.0.0.1", 5060)
    assert (settings.rtp_port_min, settings.rtp_port_max) == (10000, 20000)
    assert settings.sip_codecs == ("PCMU", "PCMA")
    assert settings.default_sample_rate == 16000
    assert settings.vsi_event_buffer_size == 256
    assert settings.recording_dir == Path(tempfile.gettempdir()) / "recordings"
    assert settings.log_level == "info"
    assert not any(
        (settings.sip_auto_ringing, settings.sip_debug, settings.sip_tcp_enabled, settings.sip_delayed_offer)
    )


def test_each_start_has_an_instance_id_of_its_own() -> None:
    """Unless one is given."""
    assert Settings.load().instance_id != Settings.load().instance_id


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("INSTANCE_ID", "node-7", "node-7"),
        ("SIP_PORT", "0", 0),
        ("SIP_AUTO_RINGING", "true", True),
        ("SIP_AUTO_RINGING", "1", True),
        ("SIP_DEBUG", "off", False),
        ("SIP_CODECS", "opus, g722 ,PCMU,", ("opus", "G722", "PCMU")),
        ("DEFAULT_SAMPLE_RATE", "48000", 48000),
        ("DEFAULT_SAMPLE_RATE", "24000", 16000),
        ("VSI_EVENT_BUFFER_SIZE", "1000", 1000),
        ("VSI_EVENT_BUFFER_SIZE", "1", 16),
        ("VSI_EVENT_BUFFER_SIZE", "99999999", 1_000_000),
        ("VSI_EVENT_BUFFER_SIZE", "many", 256),
        ("VSI_EVENT_BUFFER_SIZE", "2.5", 256),
        ("LOG_LEVEL", "DEBUG", "debug"),
        ("LOG_LEVEL", "Warning", "warn"),
        ("RECORDING_DIR", "/var/calls", Path("/var/calls")),
        ("SIP_BIND_IP", "0.0.0.0", "0.0.0.0"),
        ("SIP_PORT", "", 5060),
        ("SIP_BIND_IP", "", "127.0.0.1"),
    ],
)
def test_a_variable_sets_its_field(monkeypatch: pytest.MonkeyPatch, variable: str, text: str, value: object) -> None:
    """Leniently where the contract is; an empty one counts as not set."""
    assert getattr(load(monkeypatch, **{variable: text}), variable.lower()) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SIP_PORT", "65536"),
        ("SIP_PORT", "-1"),
        ("SIP_PORT", "sip"),
        ("RTP_PORT_MIN", "70000"),
        ("SIP_BIND_IP", "localhost"),
        ("SIP_LISTEN_IP", "::1"),
        ("SIP_EXTERNAL_IP", "1.2.3"),
        ("SIP_CODECS", "PCMU,MP3"),
        ("SIP_AUTO_RINGING", "maybe"),
        ("SIP_MAX_CALLS", "0"),
        ("SIP_MAX_CALLS", "2001"),
        ("DEFAULT_SAMPLE_RATE", "fast"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_an_error_names_the_variable_and_its_value(monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> None:
    """As a StartError: the server does not start with a setting that it cannot honour."""
    with pytest.raises(StartError, match=rf"^{variable}: .*{text}"):
        load(monkeypatch, **{variable: text})


def test_every_variable_that_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only the first."""
    with pytest.raises(StartError, match=r"SIP_PORT: .*; LOG_LEVEL: "):
        load(monkeypatch, SIP_PORT="x", LOG_LEVEL="x")


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        (":8080", ("0.0.0.0", 8080)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:0", ("localhost", 0)),
        ("example.com:65535", ("example.com", 65535)),
    ],
)
def test_http_addr_is_host_and_port(monkeypatch: pytest.MonkeyPatch, address: str, endpoint: tuple[str, int]) -> None:
    """Without a host it is every interface, as in the contract."""
    assert load(monkeypatch, HTTP_ADDR=address).http_endpoint == endpoint


@pytest.mark.parametrize(
    "address",
    ["8080", "localhost", "localhost:", "localhost:http", "localhost:65536", "localhost:-1",
     "localhost:²"],
)  # fmt: skip
def test_an_http_addr_without_a_port_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """By name."""
    with pytest.raises(StartError, match="HTTP_ADDR must be host:port or :port"):
        _ = load(monkeypatch, HTTP_ADDR=address).http_endpoint


@pytest.mark.parametrize(("low", "high"), [("20000", "10000"), ("10000", "10000"), ("10000", "10001")])
def test_the_rtp_ports_must_be_a_range(monkeypatch: pytest.MonkeyPatch, low: str, high: str) -> None:
    """With room for a pair."""
    with pytest.raises(StartError, match="RTP_PORT_MAX"):
        load(monkeypatch, RTP_PORT_MIN=low, RTP_PORT_MAX=high).core_config()


def test_the_core_is_configured_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each field where it belongs."""
    config = load(
        monkeypatch,
        SIP_BIND_IP="10.0.0.1",
        SIP_EXTERNAL_IP="203.0.113.9",
        SIP_DOMAIN="pbx",
        SIP_PORT="5070",
        SIP_CODECS="PCMA",
        SIP_HOST="ours",
        SIP_DEBUG="true",
        DEFAULT_SAMPLE_RATE="8000",
        INSTANCE_ID="node-7",
    ).core_config()
    assert (config.instance_id, config.default_sample_rate) == ("node-7", 8000)
    assert (config.sip.port, config.sip.codecs, config.sip.user_agent, config.sip.log_level) == (
        5070,
        ("PCMA",),
        "ours",
        5,
    )
    assert (config.sip.socket_ip, config.sip.advertised_ip, config.sip.host) == ("10.0.0.1", "203.0.113.9", "pbx")


def test_an_unspecified_address_is_replaced_by_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be advertised; the sockets are still bound to every interface."""
    sip = load(monkeypatch, SIP_BIND_IP="0.0.0.0").core_config().sip
    assert (sip.bind_ip, sip.listen_ip) == (own_address(), "0.0.0.0")
    assert sip.advertised_ip != "0.0.0.0"


def test_the_log_levels_are_pythons() -> None:
    """Under the contract's names."""
    assert LOG_LEVELS == {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
