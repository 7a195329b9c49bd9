"""A small SIP user agent of the tests' own making: UDP, one dialog at a time each way, no retransmissions (loopback).

It shares nothing with the stack under test, and says exactly what a test wants said.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import uuid
from dataclasses import dataclass, field
from typing import cast

from tests.kit.rtp import Codec, RtpPort

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS"


@dataclass
class Message:
    """A SIP message, taken apart just enough."""

    start: str
    headers: list[tuple[str, str]]
    body: str = ""

    @classmethod
    def parse(cls, data: bytes) -> Message:
        head, _, body = data.decode().partition("\r\n\r\n")
        lines = head.split("\r\n")
        pairs = [
            (name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])
        ]
        return cls(lines[0], pairs, body)

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def status(self) -> int:
        """0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        return self.start.split()[0] if not self.status else self.get("cseq").split()[-1]


def media_address(sdp: str) -> tuple[str, int]:
    """Where the audio of a session description is to be sent."""
    address = re.search(r"^c=IN IP4 (\S+)", sdp, re.MULTILINE)
    port = re.search(r"^m=audio (\d+)", sdp, re.MULTILINE)
    assert address is not None
    assert port is not None
    return address.group(1), int(port.group(1))


def offered_payload_type(sdp: str, name: str, otherwise: int) -> int:
    """The payload type that an offer gives a codec (RFC 3264: the answer uses the same)."""
    found = re.search(rf"^a=rtpmap:(\d+) {name}/", sdp, re.MULTILINE | re.IGNORECASE)
    return int(found.group(1)) if found else otherwise


def session(codec: Codec, port: int, event: int = 101) -> str:
    """A session description with one codec."""
    channels = "/2" if codec.channels == 2 else ""
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        f"m=audio {port} RTP/AVP {codec.payload_type} {event}",
        f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.rtp_rate}{channels}",
        f"a=rtpmap:{event} telephone-event/8000",
        "a=ptime:20",
        "a=sendrecv",
    ]
    return "".join(f"{line}\r\n" for line in lines)


@dataclass
class Dialog:
    """A call of the peer's."""

    call_id: str
    local: str
    remote: str
    target: str
    cseq: itertools.count[int] = field(default_factory=lambda: itertools.count(2))
    remote_media: tuple[str, int] | None = None


class SipPeer(asyncio.DatagramProtocol):
    """A phone. `media` is its RTP port; `dialog` its present call."""

    def __init__(self, media: RtpPort) -> None:
        self.media = media
        self.dialog: Dialog | None = None
        self.invite: Message | None = None
        self.requests: asyncio.Queue[tuple[Message, tuple[str, int]]] = asyncio.Queue()
        self.responses: asyncio.Queue[Message] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.offer = ""
        """The offer of its INVITEs, where it is not to be the codec of `media` alone."""
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, codec: Codec) -> SipPeer:
        media = await RtpPort.open(codec)
        loop = asyncio.get_running_loop()
        _, peer = await loop.create_datagram_endpoint(lambda: cls(media), local_addr=("127.0.0.1", 0))
        return peer

    @property
    def port(self) -> int:
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    @property
    def uri(self) -> str:
        return f"sip:peer@127.0.0.1:{self.port}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        message = Message.parse(data)
        if message.status:
            self.responses.put_nowait(message)
        elif message.method == "BYE":
            self.respond(message, address, 200, "OK")
            self.ended.set()
        elif message.method != "ACK":
            self.requests.put_nowait((message, address))

    # as caller

    async def call(self, server_port: int, user: str = "1000", headers: dict[str, str] | None = None) -> Message:
        """Send an INVITE and return its final response, acknowledged. A 200 makes the dialog."""
        self.start_call(server_port, user, headers or {})
        return await self.final_response()

    def start_call(self, server_port: int, user: str = "1000", headers: dict[str, str] | None = None) -> None:
        target = f"sip:{user}@127.0.0.1:{server_port}"
        call = Dialog(
            call_id=uuid.uuid4().hex,
            local=f"<{self.uri}>;tag={uuid.uuid4().hex[:8]}",
            remote=f"<{target}>",
            target=target,
        )
        self.dialog = call
        self._invite_branch = self._request(
            "INVITE", 1, call, self.offer or session(self.media.codec, self.media.port), headers
        )

    async def final_response(self) -> Message:
        """Wait for the final response to this dialog's INVITE and acknowledge it."""
        assert self.dialog is not None
        while True:
            response = await asyncio.wait_for(self.responses.get(), 10)
            mine = response.get("call-id") == self.dialog.call_id
            if mine and response.method == "INVITE" and response.status >= 200:
                break
        call = self.dialog
        call.remote = response.get("to")
        if response.status == 200:
            contact = re.search(r"<([^>]+)>", response.get("contact"))
            assert contact is not None
            call.target = contact.group(1)
            call.remote_media = media_address(response.body)
            self._request("ACK", 1, call)
        else:
            self._request("ACK", 1, call, branch=self._invite_branch)
        return response

    def cancel(self) -> None:
        assert self.dialog is not None
        self._request("CANCEL", 1, self.dialog, branch=self._invite_branch)

    # as callee

    async def next_invite(self) -> Message:
        """Wait for an INVITE and answer it 100."""
        while True:
            message, address = await asyncio.wait_for(self.requests.get(), 10)
            if message.method == "INVITE":
                self.invite, self._invite_address = message, address
                self.respond(message, address, 100, "Trying")
                return message

    def answer(self, status: int = 200, reason: str = "OK", body: bool = True) -> None:
        """Answer the INVITE that came in."""
        assert self.invite is not None
        invite = self.invite
        local = f"{invite.get('to')};tag=peer{self.port}"
        contact = re.search(r"<([^>]+)>", invite.get("contact"))
        assert contact is not None
        codec = self.media.codec
        codec.payload_type = offered_payload_type(invite.body, codec.name, codec.payload_type)
        event = offered_payload_type(invite.body, "telephone-event", 101)
        sdp = session(codec, self.media.port, event) if body and status < 300 else ""
        self.respond(invite, self._invite_address, status, reason, to=local, body=sdp)
        if status == 200:
            self.dialog = Dialog(
                call_id=invite.get("call-id"),
                local=local,
                remote=invite.get("from"),
                target=contact.group(1),
                remote_media=media_address(invite.body),
            )

    # in a call

    def send_tone(self, frequency: float, dbfs: float = -12.0) -> None:
        assert self.dialog is not None
        assert self.dialog.remote_media is not None
        self.media.send_tone(self.dialog.remote_media, frequency, dbfs)

    def refer(self, target: str) -> None:
        """Ask the other side to call somebody (RFC 3515)."""
        assert self.dialog is not None
        self._request("REFER", next(self.dialog.cseq), self.dialog, headers={"Refer-To": f"<{target}>"})

    async def bye(self) -> None:
        """Hang up and wait for the 200."""
        assert self.dialog is not None
        self._request("BYE", next(self.dialog.cseq), self.dialog)
        while (await asyncio.wait_for(self.responses.get(), 10)).method != "BYE":
            pass

    async def close(self) -> None:
        await self.media.close()
        if self._transport is not None:
            self._transport.close()

    def send_raw(self, data: bytes, server_port: int) -> None:
        assert self._transport is not None
        self._transport.sendto(data, ("127.0.0.1", server_port))

    def _request(
        self,
        method: str,
        number: int,
        call: Dialog,
        body: str = "",
        headers: dict[str, str] | None = None,
        *,
        branch: str = "",
    ) -> str:
        branch = branch or f"z9hG4bK{uuid.uuid4().hex}"
        lines = [
            f"{method} {call.target} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch={branch}",
            "Max-Forwards: 70",
            f"From: {call.local}",
            f"To: {call.remote}",
            f"Call-ID: {call.call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <{self.uri}>",
            f"Allow: {ALLOW}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        port = re.search(r":(\d+)", call.target.partition("@")[2] or call.target)
        self.send_raw(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), int(port.group(1)) if port else 5060)
        return branch

    def respond(
        self, request: Message, address: tuple[str, int], status: int, reason: str, *, to: str = "", body: str = ""
    ) -> None:
        lines = [
            f"SIP/2.0 {status} {reason}",
            *(f"Via: {via}" for via in request.all("via")),
            f"From: {request.get('from')}",
            f"To: {to or request.get('to')}",
            f"Call-ID: {request.get('call-id')}",
            f"CSeq: {request.get('cseq')}",
            f"Contact: <{self.uri}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        assert self._transport is not None
        self._transport.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), address)
