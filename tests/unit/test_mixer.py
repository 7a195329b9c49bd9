"""media.mixer: named ports, the edges between them, and one bridge per rate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from media._bridge import RingPort
from media.mixer import RATES, Edge, Mixer, Mixers, PortName, mixer_rate
from tests.kit.signal import level, tone
from tests.unit.audio import SILENT_DB, heard

RATE = 8000
A, B, C, D = (PortName(name) for name in "abcd")


@pytest.fixture
def mixer() -> Iterator[Mixer]:
    opened = Mixer(RATE)
    yield opened
    opened.close()


def speaker(frequency: float = 440.0) -> RingPort:
    port = RingPort(RATE, write_ms=3000)
    port.write(tone(frequency, RATE, 3.0, dbfs=-20))
    return port


def join_all(mixer: Mixer, *names: PortName) -> dict[PortName, RingPort]:
    ports = {name: RingPort(RATE) for name in names}
    for name, port in ports.items():
        mixer.join(name, port)
    return ports


def unity(*edges: Edge) -> dict[Edge, float]:
    return dict.fromkeys(edges, 1.0)


def test_apply_connects_and_disconnects_what_differs(mixer: Mixer) -> None:
    """After each call exactly the edges given are there."""
    join_all(mixer, A, B, C)
    for edges in (unity((A, B), (B, A)), unity((B, A), (A, C)), unity((A, C), (C, A)), {}):
        mixer.apply("room", edges)
        assert mixer.connections() == set(edges)


async def test_an_edge_is_heard_and_its_end_is_too(mixer: Mixer) -> None:
    """The sink hears the source while the edge stands."""
    mixer.join(A, speaker())
    listener = RingPort(RATE)
    mixer.join(B, listener)
    mixer.apply("room", unity((A, B)))
    assert level(await heard(listener), 440, RATE) == pytest.approx(-20, abs=0.3)
    mixer.apply("room", {})
    assert level(await heard(listener), 440, RATE) < SILENT_DB


async def test_a_changed_gain_is_set(mixer: Mixer) -> None:
    """The edge stays, its level changes; as often as wanted."""
    mixer.join(A, speaker())
    listener = RingPort(RATE)
    mixer.join(B, listener)
    for gain, expected in ((1.0, -20.0), (0.5, -26.0), (2.0, -14.0)):
        mixer.apply("room", {(A, B): gain})
        assert level(await heard(listener), 440, RATE) == pytest.approx(expected, abs=0.3)
        assert mixer.connections() == {(A, B)}


async def test_a_port_replaced_under_its_name_keeps_its_edges(mixer: Mixer) -> None:
    """A re-INVITE brings a new stream: who heard the old one hears it, and it hears whom the old one heard."""
    old, other = RingPort(RATE), speaker(700)
    mixer.join(A, old)
    mixer.join(B, other)
    mixer.apply("room", {(A, B): 1.0, (B, A): 0.5})
    new = speaker(440)
    mixer.join(A, new)
    assert mixer.connections() == {(A, B), (B, A)}
    assert level(await heard(other), 440, RATE) == pytest.approx(-20, abs=0.3)
    assert level(await heard(new), 700, RATE) == pytest.approx(-26, abs=0.3)
    assert mixer.bridge.ports == 2


def test_an_edge_of_a_replaced_port_can_be_taken_away_and_changed(mixer: Mixer) -> None:
    """The group still owns it."""
    join_all(mixer, A, B)
    mixer.apply("room", unity((A, B), (B, A)))
    join_all(mixer, A)
    mixer.apply("room", {(B, A): 0.5})
    assert mixer.connections() == {(B, A)}


def test_edges_of_unknown_ports_are_ignored(mixer: Mixer) -> None:
    """Until the port is there and the group is applied again."""
    join_all(mixer, A, B)
    edges = unity((A, B), (A, C), (C, B), (C, D))
    mixer.apply("room", edges)
    assert mixer.connections() == {(A, B)}
    join_all(mixer, C)
    mixer.apply("room", edges)
    assert mixer.connections() == {(A, B), (A, C), (C, B)}


def test_leave_forgets_the_port_and_its_edges(mixer: Mixer) -> None:
    """One that comes back under the name begins without any, until the group is applied."""
    join_all(mixer, A, B, C)
    mixer.apply("room", unity((A, B), (B, A), (B, C)))
    mixer.leave(A)
    assert (mixer.connections(), mixer.bridge.ports) == ({(B, C)}, 2)
    join_all(mixer, A)
    assert mixer.connections() == {(B, C)}
    mixer.apply("room", unity((A, B), (B, A), (B, C)))
    assert mixer.connections() == {(A, B), (B, A), (B, C)}


def test_leave_of_an_unknown_name_is_fine(mixer: Mixer) -> None:
    """Whoever tears down need not know what was set up."""
    mixer.leave(A)
    assert mixer.bridge.ports == 0


def test_two_groups_do_not_disturb_each_other(mixer: Mixer) -> None:
    """Applying one room leaves the other's edges as they are."""
    join_all(mixer, A, B, C, D)
    mixer.apply("first", unity((A, B)))
    mixer.apply("second", unity((C, D)))
    mixer.apply("first", unity((B, A)))
    assert mixer.connections() == {(B, A), (C, D)}
    mixer.apply("first", {})
    assert mixer.connections() == {(C, D)}


def test_a_port_moves_from_group_to_group(mixer: Mixer) -> None:
    """As a leg does from room to room."""
    join_all(mixer, A, B, C)
    mixer.apply("first", unity((A, B), (B, A)))
    mixer.apply("first", {})
    mixer.apply("second", unity((A, C), (C, A)))
    assert mixer.connections() == {(A, C), (C, A)}


async def test_a_silent_port_need_not_be_drained(mixer: Mixer) -> None:
    """One that does not speak keeps what was written to it; one that does is played even without a listener."""
    waiting, drained = speaker(), speaker()
    full = waiting.writable
    mixer.join(A, waiting, speaks=False)
    mixer.join(B, drained)
    await heard(drained)
    assert waiting.writable == full
    assert drained.writable > full


def test_mixers_are_made_once_per_rate() -> None:
    """When first asked for."""
    mixers = Mixers()
    assert mixers.all() == ()
    assert mixers.at(8000) is mixers.at(8000)
    assert mixers.at(16000).rate == 16000
    assert [each.rate for each in mixers.all()] == [8000, 16000]
    mixers.close()
    assert mixers.all() == ()


def test_mixers_refuse_other_rates() -> None:
    """Naming those that there are."""
    with pytest.raises(ValueError, match="8000, 16000, 48000, not 24000"):
        Mixers().at(24000)


@pytest.mark.parametrize(
    ("port", "mixer"), [(0, 8000), (8000, 8000), (8050, 16000), (16000, 16000), (24000, 48000), (96000, 48000)]
)
def test_a_port_waits_at_the_lowest_rate_that_loses_nothing(port: int, mixer: int) -> None:
    """And at the highest when none is high enough."""
    assert mixer_rate(port) == mixer
    assert mixer in RATES
