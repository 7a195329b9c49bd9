"""The SIP engine: the one thread that touches pjsua2, commands in, notices out.

The main thread awaits commands; the SIP thread posts notices to it. Neither ever waits for the other: a command is
queued and the SIP thread woken, a notice is handed to the event loop.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import pjsua2 as pj

from b2bua.errors import Conflict, Failed
from b2bua.sip.calls import Dial, PjCall
from b2bua.sip.config import SipConfig
from b2bua.sip.endpoint import PjEndpoint, drain_log
from b2bua.sip.message import Invite, parse_invite
from b2bua.sip.notices import CallNumber, Invited, Notice
from media import _bridge

log = logging.getLogger(__name__)

POLL_MS = 200
"""Longest wait for network events. Commands end it at once, so this only bounds how stale the log gets."""

BAD_SDP = (400, "Bad SDP")
BAD_LENGTH = (400, "Body shorter than Content-Length")
NOT_ACCEPTABLE = (488, "Not Acceptable Here")

T = TypeVar("T")
Operation = Callable[[], Any]


class SipEngine:
    """Starts, runs and stops SIP. `on_notice` is called on the event loop's thread, in order."""

    def __init__(self, config: SipConfig, on_notice: Callable[[Notice], None]) -> None:
        self.config = config
        self._on_notice = on_notice
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._commands: deque[tuple[Operation, asyncio.Future[Any]]] = deque()
        self._waker: _bridge.Waker | None = None
        self._stopping = threading.Event()
        # SIP thread only
        self._endpoint = PjEndpoint(config, self._on_incoming)
        self._calls: dict[CallNumber, PjCall] = {}
        # both threads: taking the next number is one step
        self._numbers = itertools.count(1)

    @property
    def port(self) -> int:
        """The SIP port in use."""
        return self._endpoint.port

    async def start(self) -> None:
        """Raises StartError when a transport or the library cannot start."""
        self._loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="sip", daemon=True)
        self._thread.start()
        try:
            await started
        except BaseException:
            await self._join()
            raise

    async def stop(self) -> None:
        """Hang up everything and end the thread. May be called twice."""
        self._stopping.set()
        if self._waker is not None:
            self._waker.wake()
        await self._join()

    async def _join(self) -> None:
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    # commands, from the main thread

    async def respond(self, call: CallNumber, code: int, *, codec: str | None = None) -> None:
        """Answer an incoming INVITE. Raises Conflict when the call is gone, Failed when SIP refuses."""
        await self._submit(functools.partial(self._respond, call, code, codec))

    def new_number(self) -> CallNumber:
        """The number of a call that is about to be dialled: its notices may come before dial() returns."""
        return CallNumber(next(self._numbers))

    async def dial(self, number: CallNumber, request: Dial) -> None:
        """Send an INVITE. Raises Failed when it cannot be sent at all; nothing is told of the call then."""
        await self._submit(functools.partial(self._dial, number, request))

    async def end(self, call: CallNumber, code: int = 0) -> None:
        """End a call in whatever state it is; `code` is the final response to an INVITE still unanswered.
        A call that is gone already is fine."""
        await self._submit(functools.partial(self._end, call, code))

    async def active_calls(self) -> int:
        """How many dialogs the engine holds."""
        return await self._submit(lambda: len(self._calls))

    async def _submit(self, operation: Callable[[], T]) -> T:
        waker = self._waker
        if waker is None or self._loop is None:
            raise Failed("the SIP engine is not running")
        result: asyncio.Future[T] = self._loop.create_future()
        self._commands.append((operation, result))
        waker.wake()
        return await result

    # the SIP thread

    def _run(self, started: asyncio.Future[None]) -> None:
        try:
            self._endpoint.open()
            self._waker = _bridge.Waker()
        except Exception as error:  # noqa: BLE001  (start() raises it)
            self._endpoint.close()
            self._settle(started, None, error)
            return
        self._settle(started, None, None)
        while not self._stopping.is_set():
            try:
                self._turn()
            except Exception:  # one bad message must not end SIP for everybody
                log.exception("the SIP thread stumbled")
        self._shut_down()

    def _turn(self) -> None:
        try:
            self._endpoint.poll(POLL_MS)
        except pj.Error as error:
            log.error("SIP events could not be handled: %s", error.reason)
        while self._commands:
            operation, result = self._commands.popleft()
            self._perform(operation, result)
        # A pjsua2 Call must not be deleted inside its own callback, so ended calls wait until here.
        for number in [number for number, call in self._calls.items() if call.ended]:
            del self._calls[number]
        drain_log()

    def _perform(self, operation: Operation, result: asyncio.Future[Any]) -> None:
        try:
            self._settle(result, operation(), None)
        except pj.Error as error:
            self._settle(result, None, Failed(error.reason or error.title))
        except Exception as error:  # noqa: BLE001  (the caller gets it; the SIP thread lives on)
            self._settle(result, None, error)

    def _shut_down(self) -> None:
        for call in self._calls.values():
            try:
                call.end(0)
            except pj.Error as error:
                log.debug("hanging up at shutdown: %s", error.reason)
        assert self._waker is not None
        self._waker.close()
        self._waker = None
        self._endpoint.close()
        self._calls.clear()
        for _, result in self._commands:
            self._settle(result, None, Failed("the SIP engine stopped"))
        self._commands.clear()

    def _settle(self, future: asyncio.Future[Any], value: Any, error: Exception | None) -> None:
        def settle() -> None:
            if future.done():  # whoever waited has given up
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)

        self._to_main(settle)

    def _post(self, notice: Notice) -> None:
        self._to_main(functools.partial(self._on_notice, notice))

    def _to_main(self, function: Callable[[], None]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop is closed: nobody is left to tell
            log.debug("dropped after shutdown: %s", function)

    def _call(self, number: CallNumber) -> PjCall:
        call = self._calls.get(number)
        if call is None or call.ended:
            raise Conflict("the call has ended")
        return call

    def _respond(self, number: CallNumber, code: int, codec: str | None) -> None:
        self._call(number).respond(code, codec=codec)

    def _end(self, number: CallNumber, code: int) -> None:
        call = self._calls.get(number)
        if call is not None and not call.ended:
            call.end(code)

    def _dial(self, number: CallNumber, request: Dial) -> None:
        call = PjCall(self._endpoint.account, number, self._post, request.codecs or self.config.codecs, None)
        self._calls[number] = call
        try:
            call.dial(request)
        except pj.Error:
            call.ended = True
            raise

    def _on_incoming(self, account: Any, pj_id: int, text: str) -> None:
        """An INVITE that pjsip has accepted as well-formed. Reject what cannot become a call, announce the rest."""
        number = CallNumber(next(self._numbers))
        call = PjCall(account, number, self._post, self.config.codecs, pj_id)
        self._calls[number] = call
        invite = parse_invite(text)
        refusal = self._refusal(invite)
        if refusal is not None:
            call.ended = True  # nobody has heard of it, so nobody hears of its end
            call.respond(*refusal)
            return
        self._post(Invited(number, invite))
        if self.config.auto_ringing:
            call.respond(180)

    def _refusal(self, invite: Invite) -> tuple[int, str] | None:
        """The final response to an INVITE that cannot become a call, or None."""
        if not invite.is_whole:
            return BAD_LENGTH
        if not invite.has_offer:
            return None if self.config.delayed_offer else BAD_SDP
        offered = {codec.name for codec in invite.offered}
        if not invite.has_addresses or (offered and offered.isdisjoint(self.config.codecs)):
            return NOT_ACCEPTABLE
        return None
