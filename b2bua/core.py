"""The core: everything that makes up a running server, minus its doors. One lifespan starts and stops it all."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from b2bua.dialing import OutboundCall, check
from b2bua.errors import StartError
from b2bua.events import EventBus
from b2bua.leg import Leg
from b2bua.legs import Legs
from b2bua.reasons import EndReason
from b2bua.recordings import Recordings
from b2bua.registry import RoomRegistry
from b2bua.room_bridges import RoomBridges
from b2bua.rooms import Rooms, Surroundings
from b2bua.routing import Routing
from b2bua.sip.config import SipConfig
from b2bua.sip.engine import SipEngine
from b2bua.sip.notices import Notice
from b2bua.tasks import Tasks
from media import wav
from media.mixer import RATES, Mixers
from media.recorder import Recorder

log = logging.getLogger(__name__)

TASK_PATIENCE = 5.0
"""Seconds that a shutdown waits for background work."""


@dataclass(frozen=True, kw_only=True)
class CoreConfig:
    """Filled from the settings by api/."""

    instance_id: str
    recording_dir: Path
    default_sample_rate: int = 16000
    sip: SipConfig = field(default_factory=SipConfig)


class Core:
    """Legs, rooms and the event bus, on top of the SIP engine and the mixers."""

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.bus = EventBus(config.instance_id)
        self.engine = SipEngine(config.sip, self._on_notice)
        self.mixers = Mixers()
        self.recorder = Recorder()
        self.tasks = Tasks()
        self.registry = RoomRegistry()
        self.legs = Legs(self.engine, self.bus, self.mixers, self.tasks)
        self.recordings = Recordings(self.registry, self.bus, self.recorder, config.recording_dir)
        self.bridges = RoomBridges(self.registry, self.bus)
        self.routing = Routing(self.registry, self.legs, self.bus)
        surroundings = Surroundings(self.registry, self.bus, self.mixers, self.tasks)
        self.rooms = Rooms(surroundings, self.legs, self.recordings)
        self.rooms.default_rate = config.default_sample_rate

    def _on_notice(self, notice: Notice) -> None:
        self.legs.on_notice(notice)

    def dial(self, request: OutboundCall) -> Leg:
        """Place a call, and let it join `request.room_id` when it has media. Raises Invalid."""
        check(request)  # a request that is refused creates no room
        if request.room_id:
            self.rooms.get_or_create(request.room_id, app_id=request.app_id)
        leg = self.legs.dial(request)
        if request.room_id:
            self.rooms.join_when_ready(leg, request.room_id)
        return leg

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Core]:
        """Start everything; on the way out hang up, flush and stop it, in reverse. Raises StartError."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.recorder.close)
            stack.callback(self.mixers.close)
            self._prepare_recordings()
            await self.engine.start()
            stack.push_async_callback(self.engine.stop)
            stack.push_async_callback(self.tasks.close, TASK_PATIENCE)
            stack.push_async_callback(self.recordings.finish_all)
            stack.push_async_callback(self.legs.end_all, EndReason.SHUTDOWN)
            yield self

    def _prepare_recordings(self) -> None:
        folder = self.config.recording_dir
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(f"RECORDING_DIR {folder} cannot be made: {error.strerror}") from error
        for path in wav.repair(folder):
            log.warning("recording %s was left unfinished by a crash; it has been repaired and published", path)
        if self.config.default_sample_rate not in RATES:
            raise StartError(f"DEFAULT_SAMPLE_RATE must be one of {', '.join(map(str, RATES))}")
