"""Mixers: one conference bridge per sample rate, its ports under names that outlive them.

A stream is re-created on hold and re-INVITE: its name stays, its port and slot change, and what it was connected to is
connected again. Who hears whom is decided elsewhere; `apply` makes it so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import NewType

from media import _bridge

log = logging.getLogger(__name__)

RATES = (8000, 16000, 48000)
"""Sample rates a bridge can run at, Hz."""

PortName = NewType("PortName", str)
Edge = tuple[PortName, PortName]
"""Source and sink: the sink hears the source."""
Edges = Mapping[Edge, float]
"""Connections and their linear gains."""


class Mixer:
    """One bridge and the named ports in it. Main thread only; never blocks."""

    def __init__(self, rate: int, workers: int = 1) -> None:
        self.rate = rate
        self.bridge = _bridge.Bridge(rate, workers)
        self._slots: dict[PortName, int] = {}
        self._connected: dict[PortName, dict[Edge, float]] = {}  # by port, each edge under both its ends
        self._groups: dict[str, dict[Edge, float]] = {}
        self._draining: dict[PortName, bool] = {}  # of each port that speaks, whether it is connected to nowhere

    def join(self, name: PortName, port: _bridge.Port, *, speaks: bool = True) -> None:
        """Put a port in under `name`. One that is there already under it is replaced and its connections kept.

        A port that speaks is read at every tick, listeners or not: unread, a stream's audio would pile up and be heard
        late.
        """
        edges = dict(self._connected.get(name, {}))
        if name in self._slots:
            self._take_out(name)
        slot = self.bridge.add(port)
        self._slots[name] = slot
        self._connected[name] = {}
        if speaks:
            self._draining[name] = False
        for edge, gain in edges.items():
            if edge[0] in self._slots and edge[1] in self._slots:
                self._connect(edge, gain)
        self._drain({name, *(source for source, _ in edges)})

    def leave(self, name: PortName) -> None:
        """Take a port out with all its connections. Unknown names are fine."""
        if name in self._slots:
            self._take_out(name)

    def apply(self, group: str, edges: Edges) -> None:
        """Make `edges` the connections of `group` (a room), and drop all others it had.

        What goes is disconnected before what comes is connected, so nobody ever hears more than the old and the new
        state both allow. Edges whose port is not in this mixer are ignored.
        """
        before = self._groups.get(group, {})
        wanted = {edge: gain for edge, gain in edges.items() if edge[0] in self._slots and edge[1] in self._slots}
        dropped = before.keys() - wanted.keys()
        for edge in dropped:
            self._disconnect(edge)
        for edge, gain in wanted.items():
            current = self._connected[edge[0]].get(edge)
            if current is None:
                self._connect(edge, gain)
            elif current != gain:
                self.bridge.set_gain(self._slots[edge[0]], self._slots[edge[1]], gain)
                self._note(edge, gain)
        self._drain({source for source, _ in (*dropped, *wanted)})
        if wanted:
            self._groups[group] = wanted
        else:
            self._groups.pop(group, None)

    def connections(self) -> set[Edge]:
        """What is connected now."""
        return {edge for edges in self._connected.values() for edge in edges}

    def close(self) -> None:
        self.bridge.close()
        self._slots.clear()
        self._connected.clear()
        self._groups.clear()
        self._draining.clear()

    def _drain(self, names: Iterable[PortName]) -> None:
        """Connect those that nobody hears to nowhere, and the others no longer."""
        for name in names:
            draining = self._draining.get(name)
            if draining is None:
                continue
            unheard = all(source != name for source, _ in self._connected[name])
            if unheard and not draining:
                self.bridge.connect(self._slots[name], _bridge.DRAIN)
            elif draining and not unheard:
                self.bridge.disconnect(self._slots[name], _bridge.DRAIN)
            self._draining[name] = unheard

    def _connect(self, edge: Edge, gain: float) -> None:
        self.bridge.connect(self._slots[edge[0]], self._slots[edge[1]], gain)
        self._note(edge, gain)

    def _note(self, edge: Edge, gain: float) -> None:
        for end in edge:
            self._connected[end][edge] = gain

    def _disconnect(self, edge: Edge) -> None:
        if edge not in self._connected.get(edge[0], {}):
            return  # it went with one of its ends
        self.bridge.disconnect(self._slots[edge[0]], self._slots[edge[1]])
        for end in edge:
            self._connected[end].pop(edge, None)

    def _take_out(self, name: PortName) -> None:
        self.bridge.remove(self._slots.pop(name))
        self._draining.pop(name, None)
        edges = self._connected.pop(name)
        for edge in edges:
            other = edge[1] if edge[0] == name else edge[0]
            if other in self._connected:
                self._connected[other].pop(edge, None)
        self._drain({source for source, _ in edges if source != name})


class Mixers:
    """The mixers of the process, each made when the first port of its rate appears."""

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._by_rate: dict[int, Mixer] = {}

    def at(self, rate: int) -> Mixer:
        """The mixer of that rate. Raises ValueError for a rate that is not in RATES."""
        if rate not in RATES:
            raise ValueError(f"sample rate must be one of {', '.join(map(str, RATES))}, not {rate}")
        if rate not in self._by_rate:
            self._by_rate[rate] = Mixer(rate, self._workers)
            log.info("mixer at %d Hz started", rate)
        return self._by_rate[rate]

    def all(self) -> tuple[Mixer, ...]:
        return tuple(self._by_rate.values())

    def close(self) -> None:
        for mixer in self._by_rate.values():
            mixer.close()
        self._by_rate.clear()


def mixer_rate(port_rate: int) -> int:
    """The lowest mixer rate that loses nothing of a port's audio."""
    return next((rate for rate in RATES if rate >= port_rate), RATES[-1])
