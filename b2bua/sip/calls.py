"""Calls on the SIP thread: pjsua2's Call, its callbacks turned into notices.

Everything in this file runs on the SIP thread. `Any` stands for pjsua2's objects, which have no types.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import pjsua2 as pj

from b2bua.reasons import SipEnding
from b2bua.sip import notices
from b2bua.sip.notices import CallNumber, Notice, StreamStatistics
from b2bua.sip.sdp import keep_codecs
from media import _bridge

log = logging.getLogger(__name__)

Post = Callable[[Notice], None]
P = ParamSpec("P")
S = TypeVar("S")


def callback(method: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
    """For methods that pjsua2 calls: an exception that escapes one of them would end the process."""

    @functools.wraps(method)
    def guarded(self: S, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception:  # the call goes on, or its peer or a timer ends it
            log.exception("a SIP callback failed")

    return cast("Callable[Concatenate[S, P], None]", guarded)


@dataclass(frozen=True, kw_only=True)
class Dial:
    """An INVITE to be sent."""

    uri: str
    """Request-URI and To."""
    target: str = ""
    """Where to send it, when that is not the URI: the URI with its host name resolved."""
    from_uri: str = ""
    codecs: Sequence[str] = ()
    headers: dict[str, str] = field(default_factory=dict)


class PjCall(pj.Call):  # type: ignore[misc]  # pjsua2 has no types
    """One dialog. Owned by the engine from creation until its `Ended` notice."""

    def __init__(self, account: Any, number: CallNumber, post: Post, codecs: Sequence[str], pj_id: int | None) -> None:
        super().__init__(account, pj.PJSUA_INVALID_ID if pj_id is None else pj_id)
        self.number = number
        self.inbound = pj_id is not None
        self.codecs = list(codecs)
        self.ended = False
        self._post = post
        self._local_sdp = ""
        self._streams: dict[int, _bridge.StreamPort] = {}
        self._statistics = StreamStatistics()
        self._early = False
        self._answered = False
        self._confirmed = False

    # commands

    def respond(self, code: int, reason: str = "", codec: str | None = None) -> None:
        """Answer the INVITE. `codec` narrows the answer to one codec of the offer."""
        parameters = _operation(code, reason)
        if codec is not None and self._local_sdp:
            parameters.sdp.wholeSdp = keep_codecs(self._local_sdp, [codec])
        elif codec is not None:
            self.codecs = [codec]  # the offer is ours to make, and is made now
        self.answer(parameters)

    def dial(self, request: Dial) -> None:
        """Send the INVITE."""
        parameters = _operation(0)
        parameters.txOption.targetUri = request.target
        parameters.txOption.localUri = request.from_uri
        headers = pj.SipHeaderVector()
        for name, value in request.headers.items():
            header = pj.SipHeader()
            header.hName, header.hValue = name, value
            headers.append(header)
        parameters.txOption.headers = headers
        self.makeCall(request.uri, parameters)

    def end(self, code: int) -> None:
        """BYE, CANCEL or a final response, whichever the state asks for."""
        # pjsua tells nothing of the streams of a call that we hang up.
        for index in list(self._streams):
            self._close_stream(index)
        self.hangup(_operation(code))

    # callbacks

    @callback
    def onCallState(self, prm: Any) -> None:
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_EARLY:
            if not self.inbound and info.lastStatusCode == 183 and self._streams and not self._early:
                self._early = True
                self._post(notices.EarlyMedia(self.number))
        elif info.state == pj.PJSIP_INV_STATE_CONNECTING:
            self._answered = True
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self._answered = True
            if self.inbound or self._streams or _is_held(info):
                self._confirmed = True
                self._post(notices.Answered(self.number))
            else:  # an answer that nothing can be heard with
                self.end(0)
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._finish(info.lastStatusCode, _from_peer(prm.e))

    @callback
    def onCallSdpCreated(self, prm: Any) -> None:
        self._local_sdp = keep_codecs(prm.sdp.wholeSdp, self.codecs)
        prm.sdp.wholeSdp = self._local_sdp

    @callback
    def onCallTransferRequest(self, prm: Any) -> None:
        # Left alone, pjsua would dial whatever the peer names: a way to steal calls.
        prm.statusCode = pj.PJSIP_SC_DECLINE

    @callback
    def onCallReplaceRequest(self, prm: Any) -> None:
        # Left alone, pjsua would answer the new call by itself and end this one.
        prm.statusCode = pj.PJSIP_SC_DECLINE

    @callback
    def onStreamCreated(self, prm: Any) -> None:
        port = _bridge.take_stream_port(int(prm.this))
        self._streams[prm.streamIdx] = port
        self._post(notices.StreamUp(self.number, prm.streamIdx, port))

    @callback
    def onStreamDestroyed(self, prm: Any) -> None:
        self._close_stream(prm.streamIdx)

    def _close_stream(self, index: int) -> None:
        port = self._streams.pop(index, None)
        if port is None:
            return
        port.detach()
        try:
            received = self.getStreamStat(index).rtcp.rxStat
            self._statistics += StreamStatistics(received.pkt, received.loss, received.jitterUsec.last / 1000)
        except pj.Error as error:
            log.warning("no statistics for a stream: %s", error.reason)
        self._post(notices.StreamDown(self.number, index))

    def _finish(self, code: int, heard: bool) -> None:
        if self.ended:
            return
        self.ended = True
        for index in list(self._streams):
            self._close_stream(index)
        ending = SipEnding(
            inbound=self.inbound, confirmed=self._confirmed, answered=self._answered, code=code, heard=heard
        )
        self._post(notices.Ended(self.number, ending, self._statistics))


def _operation(code: int, reason: str = "") -> Any:
    parameters = pj.CallOpParam(True)
    parameters.statusCode = code
    parameters.reason = reason
    # Text streams start a clock thread each; only calls that asked for real-time text shall have one.
    parameters.opt.textCount = parameters.opt.videoCount = 0
    parameters.opt.audioCount = 1
    return parameters


def _is_held(info: Any) -> bool:
    """Whether the audio is there but resting: answered inactive, or with address 0.0.0.0."""
    resting = {pj.PJSUA_CALL_MEDIA_REMOTE_HOLD, pj.PJSUA_CALL_MEDIA_LOCAL_HOLD}
    return any(media.status in resting for media in info.media)


def _from_peer(event: Any) -> bool:
    """Whether a received message, and not a timer or a transport error, brought this about."""
    return bool(event.type == pj.PJSIP_EVENT_TSX_STATE and event.body.tsxState.type == pj.PJSIP_EVENT_RX_MSG)
