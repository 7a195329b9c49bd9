"""pjsua2's endpoint, transports and account, set up from a SipConfig. Runs on the SIP thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pjsua2 as pj

from b2bua.errors import StartError
from b2bua.sip.calls import callback
from b2bua.sip.config import SipConfig
from media import _bridge

log = logging.getLogger(__name__)
pj_log = logging.getLogger("pjproject")

PJ_LOG_LEVELS = {1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO}

IncomingHandler = Callable[["PjAccount", int, str], None]


class PjAccount(pj.Account):  # type: ignore[misc]  # pjsua2 has no types
    """The account that receives every call: authentication and routing are call control's business."""

    def __init__(self, on_incoming: IncomingHandler) -> None:
        super().__init__()
        self._on_incoming = on_incoming

    @callback
    def onIncomingCall(self, prm: Any) -> None:
        self._on_incoming(self, prm.callId, prm.rdata.wholeMsg)


class PjEndpoint:
    """The one endpoint of the process."""

    def __init__(self, config: SipConfig, on_incoming: IncomingHandler) -> None:
        self.config = config
        self.port = config.port
        self._on_incoming = on_incoming
        self._endpoint: Any = None
        self.account: Any = None

    def open(self) -> None:
        """Start it. Raises StartError; close() is safe after that."""
        _bridge.register_thread()
        self._endpoint = pj.Endpoint()
        try:
            self._endpoint.libCreate()
            self._endpoint.libInit(self._endpoint_config())
            _bridge.capture_log(self.config.log_level)
            _bridge.answer_unhandled_requests()
            self._endpoint.audDevManager().setNoDev()
            self._enable_codecs()
            self._open_transports()
            self._endpoint.libStart()
            self._open_account()
        except pj.Error as error:
            raise StartError(f"the SIP engine could not start: {error.reason} ({error.title})") from error

    def poll(self, timeout_ms: int) -> None:
        """Handle what has come in; wait at most `timeout_ms` for something to."""
        self._endpoint.libHandleEvents(timeout_ms)

    def close(self) -> None:
        """Hang up what is left and release everything."""
        if self._endpoint is not None:
            try:
                self._endpoint.libDestroy()
            except pj.Error as error:
                log.warning("the SIP engine did not stop cleanly: %s", error.reason)
            self._endpoint = self.account = None
        drain_log()

    def _endpoint_config(self) -> Any:
        config = pj.EpConfig()
        config.logConfig.level = self.config.log_level
        config.logConfig.consoleLevel = 0
        config.logConfig.msgLogging = self.config.log_level >= 5
        config.uaConfig.maxCalls = self.config.max_calls
        config.uaConfig.threadCnt = 0  # this thread polls, so every callback runs here
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.userAgent = self.config.user_agent
        # With these pjsip looks names up without blocking; it has no other way to.
        for server in self.config.nameservers:
            config.uaConfig.nameserver.append(server)
        config.medConfig.threadCnt = 1  # RTP in C
        config.medConfig.hasIoqueue = True
        config.medConfig.noVad = True  # else silence would not be sent
        config.medConfig.quality = 4
        config.medConfig.ecTailLen = 0
        config.medConfig.clockRate = 8000  # of pjsua's own bridge, which nothing plays in
        return config

    def _enable_codecs(self) -> None:
        """All that are known; each call narrows them down in its SDP."""
        for codec in self._endpoint.codecEnum2():
            known = codec.codecId.split("/")[0] != "L16"
            self._endpoint.codecSetPriority(codec.codecId, 128 if known else 0)

    def _open_transports(self) -> None:
        address = self.config.socket_ip
        transport = pj.TransportConfig()
        transport.boundAddress = address
        transport.publicAddress = self.config.advertised_ip
        transport.port = self.config.port
        try:
            number = self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
            self.port = int(self._endpoint.transportGetInfo(number).localName.rpartition(":")[2])
            if self.config.tcp:
                transport.port = self.port
                self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_TCP, transport)
        except pj.Error as error:
            where = f"{address}:{self.config.port}"
            raise StartError(
                f"SIP cannot listen on {where}: {error.reason}. Check SIP_LISTEN_IP and SIP_PORT."
            ) from error

    def _open_account(self) -> None:
        config = pj.AccountConfig()
        config.idUri = f"sip:{self.config.user_agent}@{self.config.host}:{self.port}"
        # IPv6 left on would look up this machine's own name, blocking, for each call.
        config.mediaConfig.ipv6Use = config.sipConfig.ipv6Use = pj.PJSUA_IPV6_DISABLED
        rtp = config.mediaConfig.transportConfig
        rtp.port = self.config.rtp_port_min
        rtp.portRange = self.config.rtp_port_max - self.config.rtp_port_min
        rtp.boundAddress = self.config.socket_ip
        rtp.publicAddress = self.config.advertised_ip
        config.mediaConfig.lockCodecEnabled = False  # the answer already holds one codec
        self.account = PjAccount(self._on_incoming)
        self.account.create(config, True)


def drain_log() -> None:
    """Move pjproject's log lines into Python's logging."""
    for level, text in _bridge.drain_log():
        pj_log.log(PJ_LOG_LEVELS.get(level, logging.DEBUG), "%s", text.decode("utf-8", "replace").rstrip())
