"""Recording rooms (vsi-behaviour section 5)."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from b2bua import events
from b2bua.errors import Conflict, Failed, LegroomError, NotFound
from b2bua.registry import RoomRegistry
from b2bua.room import Room, RoomRecording
from media.mixer import PortName
from media.recorder import Recorder, Tap

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finished:
    """How a recording ended."""

    file: str = ""
    """Where it is; empty when there is none, because nothing was heard or it could not be published."""
    problem: str = ""


class Recordings:
    """Event loop's thread only; files are written on the recorder's."""

    def __init__(self, registry: RoomRegistry, bus: events.EventBus, recorder: Recorder, folder: Path) -> None:
        self._registry = registry
        self._bus = bus
        self._recorder = recorder
        self._folder = folder

    async def start(self, room_id: str) -> str:
        """Record the room's mix; returns the path that the file will have.

        Raises NotFound, Conflict (no legs, or recording already) and Failed (the file cannot be made).
        """
        room = self._recordable(room_id)
        path = self._folder / f"{datetime.now():%Y%m%d_%H%M%S}_{secrets.token_hex(4)}.wav"
        try:
            tap = await asyncio.to_thread(Tap, path, room.sample_rate)
        except OSError as error:
            raise Failed(f"the recording cannot be written to {path}: {error.strerror}") from error
        try:  # the disk may have taken its time
            if self._recordable(room_id) is not room:
                raise Conflict(f"room {room_id} has been deleted")
        except LegroomError:
            await asyncio.to_thread(tap.writer.discard)
            raise
        room.recording = RoomRecording(tap, PortName(f"{room.id}/recorder"), str(path))
        room.mixer.join(room.recording.port, tap.port, speaks=False)
        self._registry.refresh(room)
        self._recorder.start(tap)
        self._bus.publish(events.RecordingStarted(room_id=room.id, app_id=room.app_id or None, file=str(path)))
        return str(path)

    def _recordable(self, room_id: str) -> Room:
        room = self._registry.get(room_id)
        if not room.members:
            raise Conflict("room has no participants")
        if room.recording is not None:
            raise Conflict(f"room is being recorded already: {room.recording.path}")
        return room

    async def stop(self, room_id: str) -> str:
        """Complete the file and publish it; returns its path, empty if nothing was heard. Raises NotFound, Failed."""
        room = self._registry.get(room_id)
        if room.recording is None:
            raise NotFound("recording of room", room_id)
        finished = await self.finish(room)
        if finished.problem:
            raise Failed(f"the recording could not be published: {finished.problem}")
        return finished.file

    async def finish(self, room: Room) -> Finished:
        """End a room's recording, if there is one, and publish it; never raises. Waits for one that is ending."""
        recording, room.recording = room.recording, None
        if recording is None:
            if room.finishing is not None:  # somebody else is at it
                await room.finishing.wait()
            return Finished()
        room.finishing = published = asyncio.Event()
        room.mixer.leave(recording.port)
        self._registry.refresh(room)
        try:
            path = await self._recorder.finish(recording.tap)
            finished = Finished(file="" if path is None else str(path))
        except Exception as error:  # noqa: BLE001  (rooms and legs must end whatever the disk does)
            log.error("recording %s could not be published and stays staged: %s", recording.path, error)
            finished = Finished(problem=str(error))
        self._bus.publish(events.RecordingFinished(room_id=room.id, app_id=room.app_id or None, file=finished.file))
        published.set()
        return finished

    async def finish_all(self) -> None:
        """At shutdown."""
        await asyncio.gather(*(self.finish(room) for room in self._registry.all()))
