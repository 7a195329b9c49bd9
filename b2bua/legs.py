"""All legs: what clients do to them, and what SIP reports of them.

One path ends every leg, whoever caused it: `_over` follows a BYE, a failure, a deletion and a shutdown alike. A leg
that is deleted leaves the registry at once and is published as disconnected when SIP is done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from b2bua import events
from b2bua.dialing import OutboundCall, check, dial_request
from b2bua.errors import Conflict, Invalid, LegroomError, NotFound
from b2bua.ids import LegId, new_leg_id
from b2bua.leg import Leg, LegType
from b2bua.leg_state import LegInput, LegState
from b2bua.quality import quality
from b2bua.reasons import REJECTION_WITHOUT_REASON, REJECTIONS, EndReason, reason_of
from b2bua.sip import notices
from b2bua.sip.engine import SipEngine
from b2bua.sip.message import Invite
from b2bua.sip.notices import CallNumber, Notice, StreamStatistics
from b2bua.sip.sdp import canonical_codec
from b2bua.tasks import Tasks
from media.mixer import Mixers

log = logging.getLogger(__name__)

HANGUP_PATIENCE = 5.0
"""Seconds to wait for SIP to end legs."""

UNANSWERED = (LegState.RINGING, LegState.EARLY_MEDIA)


class Legs:
    """The registry of legs. Event loop's thread only."""

    def __init__(self, engine: SipEngine, bus: events.EventBus, mixers: Mixers, tasks: Tasks) -> None:
        self._engine = engine
        self._bus = bus
        self._mixers = mixers
        self._tasks = tasks
        self._legs: dict[LegId, Leg] = {}
        self._by_call: dict[CallNumber, Leg] = {}
        self._ending: set[Leg] = set()
        self.on_ready: Callable[[Leg], None] = lambda leg: None
        """Called when a leg can be in a room: connected, or with early media."""
        self.on_changed: Callable[[Leg], None] = lambda leg: None
        """Called when what a leg hears or says may have changed."""
        self.on_over: Callable[[Leg], Coroutine[Any, Any, None]] = _nothing
        """Awaited when a leg is over, before that is published."""

    def get(self, leg_id: str) -> Leg:
        """Raises NotFound."""
        leg = self._legs.get(LegId(leg_id))
        if leg is None:
            raise NotFound("leg", leg_id)
        return leg

    def all(self) -> list[Leg]:
        return list(self._legs.values())

    # what clients do

    def ring(self, leg_id: str) -> None:
        """Send 180. May be repeated. Raises NotFound, Invalid, Conflict."""
        leg = self._inbound(leg_id, "can be rung")
        if leg.state is not LegState.RINGING:
            raise Conflict(f"leg is {leg.state}, it must be ringing to be rung")
        self._later(leg, self._engine.respond(_call_of(leg), 180), "ring")

    def answer(self, leg_id: str, codec: str | None = None) -> None:
        """Send 200. `codec` must be in the caller's offer. Raises NotFound, Invalid, Conflict."""
        leg = self._inbound(leg_id, "can be answered")
        if leg.state not in UNANSWERED or leg.answering:
            state = "being answered already" if leg.answering and leg.state in UNANSWERED else leg.state
            raise Conflict(f"leg is {state}, it must be ringing or in early media to be answered")
        chosen = self._chosen_codec(leg, codec) if codec else None
        leg.answering = True
        self._tasks.start(self._answer(leg, chosen), f"answer {leg.id}")

    def delete(self, leg_id: str, reason: str | None = None) -> None:
        """Hang up; reject with `reason` while unanswered. Raises NotFound, and Invalid for an unknown reason."""
        leg = self.get(leg_id)
        unanswered = leg.state in UNANSWERED
        if reason and unanswered and reason not in REJECTIONS:
            raise Invalid(f'unknown reason "{reason}"; known are {", ".join(REJECTIONS)}')
        self.end(leg, EndReason(reason) if reason and unanswered else EndReason.API_HANGUP)

    def end(self, leg: Leg, reason: EndReason) -> None:
        """End a leg for a reason of ours: gone from the registry at once, published when SIP is done."""
        if leg.end_reason is not None or leg.state is LegState.HUNG_UP:
            return
        leg.end_reason = reason
        leg.timers.cancel()
        self._legs.pop(leg.id, None)
        self._ending.add(leg)
        if leg.call is not None:
            code = REJECTIONS.get(reason, REJECTION_WITHOUT_REASON)
            self._tasks.start(self._engine.end(leg.call, code), f"end {leg.id}")

    def mute(self, leg_id: str, muted: bool) -> None:
        """Raises NotFound. The event goes out even when nothing changed."""
        leg = self.get(leg_id)
        leg.muted = muted
        self.on_changed(leg)
        kind = events.LegMuted if muted else events.LegUnmuted
        self._bus.publish(kind(leg_id=leg.id, app_id=leg.app_id or None))

    def deafen(self, leg_id: str, deaf: bool) -> None:
        """Raises NotFound. The event goes out even when nothing changed."""
        leg = self.get(leg_id)
        leg.deaf = deaf
        self.on_changed(leg)
        kind = events.LegDeaf if deaf else events.LegUndeaf
        self._bus.publish(kind(leg_id=leg.id, app_id=leg.app_id or None))

    def dial(self, request: OutboundCall) -> Leg:
        """Place a SIP call. Returns the ringing leg before the INVITE is out. Raises Invalid."""
        uri = check(request)
        leg = Leg(new_leg_id(), LegType.SIP_OUTBOUND, app_id=request.app_id, accept_dtmf=request.accept_dtmf)
        self._legs[leg.id] = leg
        self._bus.publish(
            events.LegRinging(
                leg_id=leg.id,
                app_id=leg.app_id or None,
                leg_type=leg.type,
                uri=request.to,
                from_=request.from_ or None,
                sip_headers=dict(request.headers) or None,
            )
        )
        loop = asyncio.get_running_loop()
        if request.ring_timeout:
            leg.timers.ring = loop.call_later(request.ring_timeout, self.end, leg, EndReason.RING_TIMEOUT)
        leg.max_duration = request.max_duration

        async def place() -> None:
            number = self._engine.new_number()
            try:
                invite = await dial_request(request, uri, self._engine.config)
                if leg.end_reason is None:  # it may have been deleted while its host was looked up
                    leg.call = number
                    self._by_call[number] = leg
                    await self._engine.dial(number, invite)
            except Exception as error:  # noqa: BLE001  (whatever it is, the leg must not ring for ever)
                log.warning("leg %s: the INVITE could not be sent: %s", leg.id, error)
                self._by_call.pop(number, None)
                leg.call = None
            if leg.call is None:
                await self._over(leg, EndReason.INVITE_FAILED, StreamStatistics())

        self._tasks.start(place(), f"dial {leg.id}")
        return leg

    async def end_all(self, reason: EndReason) -> None:
        """End every leg and wait until that has been published."""
        for leg in self.all():
            self.end(leg, reason)
        await self.wait_ended(list(self._ending))

    async def wait_ended(self, legs: list[Leg]) -> None:
        """Wait until the ends of `legs` have been published, at most HANGUP_PATIENCE."""
        waiting = [asyncio.create_task(leg.ended.wait()) for leg in legs]
        if not waiting:
            return
        _, late = await asyncio.wait(waiting, timeout=HANGUP_PATIENCE)
        for task in late:
            task.cancel()
        if late:
            log.warning("%d legs did not end within %.0f s", len(late), HANGUP_PATIENCE)

    # what SIP reports

    def on_notice(self, notice: Notice) -> None:
        """A notice from the SIP engine. Those for calls that nobody knows any more are dropped."""
        if isinstance(notice, notices.Invited):
            self._on_invited(notice.call, notice.invite)
            return
        leg = self._by_call.get(notice.call)
        if leg is None:
            log.debug("notice for an unknown call: %s", notice)
            return
        match notice:
            case notices.StreamUp(port=port):
                leg.audio.port = port
                leg.audio.enter(leg.audio.mixer or self._mixers.at(leg.audio.home_rate))
                self.on_changed(leg)
            case notices.StreamDown():
                leg.audio.close()
            case notices.EarlyMedia():
                self._on_early_media(leg)
            case notices.Answered():
                self._on_answered(leg)
            case notices.Ended(ending=ending, statistics=statistics):
                del self._by_call[notice.call]
                self._tasks.start(self._over(leg, reason_of(ending), statistics), f"over {leg.id}")

    def _on_invited(self, call: CallNumber, invite: Invite) -> None:
        leg = Leg(
            new_leg_id(),
            LegType.SIP_INBOUND,
            app_id=invite.app_id or "",
            call=call,
            headers=invite.custom_headers,
            offered_codecs=[
                events.OfferedCodec(
                    name=codec.name, payload_type=codec.payload_type, clock_rate=codec.clock_rate, priority=priority
                )
                for priority, codec in enumerate(invite.offered, start=1)
            ],
        )
        self._legs[leg.id] = leg
        self._by_call[call] = leg
        self._bus.publish(
            events.LegRinging(
                leg_id=leg.id,
                app_id=leg.app_id or None,
                leg_type=leg.type,
                from_=invite.from_user or None,
                to=invite.to_user or None,
                sip_headers=leg.headers or None,
                offered_codecs=leg.offered_codecs or None,
            )
        )

    def _on_early_media(self, leg: Leg) -> None:
        if leg.end_reason is None and leg.happen(LegInput.EARLY_MEDIA):
            self._bus.publish(events.LegEarlyMedia(leg_id=leg.id, app_id=leg.app_id or None, leg_type=leg.type))
            self.on_ready(leg)

    def _on_answered(self, leg: Leg) -> None:
        if leg.end_reason is not None or not leg.happen(LegInput.ANSWERED):
            return
        leg.timers.cancel()
        if leg.max_duration:
            loop = asyncio.get_running_loop()
            leg.timers.duration = loop.call_later(leg.max_duration, self.end, leg, EndReason.MAX_DURATION)
        self._bus.publish(events.LegConnected(leg_id=leg.id, app_id=leg.app_id or None, leg_type=leg.type))
        self.on_ready(leg)

    async def _over(self, leg: Leg, reason: str, statistics: StreamStatistics) -> None:
        """The one end of every leg, and only once: a dial that fails may be reported by SIP as well."""
        if leg.state is LegState.HUNG_UP:
            return
        leg.end_reason = reason = leg.end_reason or reason
        answered = leg.answered_at is not None
        total, talked = leg.durations()
        leg.happen(LegInput.ENDED)
        self._legs.pop(leg.id, None)
        leg.audio.close()
        try:
            await self.on_over(leg)
        finally:
            cdr = events.Cdr(reason=reason, duration_total=total, duration_answered=talked if answered else 0)
            self._bus.publish(
                events.LegDisconnected(leg_id=leg.id, app_id=leg.app_id or None, cdr=cdr, quality=quality(statistics))
            )
            self._ending.discard(leg)
            leg.ended.set()

    async def _answer(self, leg: Leg, codec: str | None) -> None:
        try:
            await self._engine.respond(_call_of(leg), 200, codec=codec)
        except Conflict:
            log.debug("leg %s ended before it could be answered", leg.id)
        except Exception as error:  # noqa: BLE001  (whatever it is, the caller must not wait for ever)
            log.warning("leg %s could not be answered: %s", leg.id, error)
            self.end(leg, EndReason.CONNECT_FAILED)

    def _later(self, leg: Leg, work: Coroutine[Any, Any, None], command: str) -> None:
        """Do it in the background; a failure becomes `leg.command_failed`."""

        async def attempt() -> None:
            try:
                await work
            except LegroomError as error:
                self.command_failed(leg, command, str(error))

        self._tasks.start(attempt(), f"{command} {leg.id}")

    def command_failed(self, leg: Leg, command: str, error: str) -> None:
        """Report that work which was accepted has failed."""
        self._bus.publish(
            events.LegCommandFailed(leg_id=leg.id, app_id=leg.app_id or None, command=command, error=error)
        )

    def _inbound(self, leg_id: str, what: str) -> Leg:
        leg = self.get(leg_id)
        if leg.type is not LegType.SIP_INBOUND:
            raise Invalid(f"only inbound SIP legs {what}; this one is {leg.type}")
        return leg

    def _chosen_codec(self, leg: Leg, name: str) -> str:
        codec = canonical_codec(name)
        if codec is None:
            raise Invalid(f'unknown codec "{name}"')
        if codec not in self._engine.config.codecs:
            raise Invalid(f"codec {codec} is not enabled on this server (SIP_CODECS)")
        offered = [each.name for each in leg.offered_codecs]
        if offered and codec not in offered:
            raise Invalid(f"codec {codec} is not in the caller's offer: {', '.join(offered)}")
        return codec


def _call_of(leg: Leg) -> CallNumber:
    if leg.call is None:
        raise Conflict("the call has not been placed yet")
    return leg.call


async def _nothing(_: Leg) -> None:
    return None
