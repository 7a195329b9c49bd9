"""b2bua.sip.sdp: what is offered, and what of our own we let stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.sdp import KNOWN_CODECS, Codec, audio_codecs, canonical_codec, keep_codecs

PCMU, PCMA, G722 = Codec("PCMU", 0, 8000), Codec("PCMA", 8, 8000), Codec("G722", 9, 8000)
OPUS, AMR_WB = Codec("opus", 96, 48000), Codec("AMR-WB", 97, 16000)

SESSION = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
OURS = (
    SESSION + "m=audio 4000 RTP/AVP 0 8 96 100 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=rtpmap:100 telephone-event/48000\r\na=fmtp:100 0-16\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)
VIDEO = "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"


@pytest.mark.parametrize(
    ("sdp", "codecs"),
    [
        ("", []),
        (SESSION, []),
        ("m=audio 4000 RTP/AVP 0 8 9", [PCMU, PCMA, G722]),
        ("m=audio 4000 RTP/AVP 9 0\r\na=rtpmap:0 pcmu/8000\r\n", [G722, PCMU]),
        ("m=audio 4000 RTP/SAVPF 97 96\na=rtpmap:96 OPUS/48000/2\na=rtpmap:97 amr-wb/16000", [AMR_WB, OPUS]),
        ("m=audio 4000 RTP/AVP 0 13 101 98\r\na=rtpmap:13 CN/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
         "a=rtpmap:98 red/8000\r\n", [PCMU]),
        ("m=audio 4000 RTP/AVP 99\r\na=rtpmap:99 newcodec/32000\r\n", [Codec("newcodec", 99, 32000)]),
        ("m=audio 4000 RTP/AVP 99 0\r\n", [PCMU]),  # dynamic, but not described
        ("m=audio 4000 RTP/AVP * x 0\r\n", [PCMU]),
        ("m=audio 4000 RTP/AVP 0\r\nm=audio 4002 RTP/AVP 8\r\n", [PCMU]),  # the first section only
        (VIDEO + "m=audio 4000 RTP/AVP 8\r\n", [PCMA]),
        (VIDEO, []),
        (OURS, [PCMU, PCMA, OPUS]),
    ],
)  # fmt: skip
def test_audio_codecs_are_the_first_sections_in_its_order(sdp: str, codecs: list[Codec]) -> None:
    """Static payloads need no rtpmap; telephone-event, comfort noise and redundancy are no codecs."""
    assert audio_codecs(sdp) == codecs


@pytest.mark.parametrize(
    ("names", "media", "gone"),
    [
        (["PCMU"], "0 101", ("PCMA", "opus", "a=fmtp:96", "telephone-event/48000", "a=fmtp:100")),
        (["pcma", "PCMU"], "8 0 101", ("opus", "telephone-event/48000")),
        (["opus"], "96 100", ("PCMU", "PCMA", "telephone-event/8000", "a=fmtp:101")),
        (["opus", "PCMU"], "96 0 100 101", ("PCMA",)),
        (["G722", "PCMA"], "8 101", ("PCMU", "opus")),
    ],
)
def test_keep_codecs_leaves_the_named_in_their_order(names: list[str], media: str, gone: tuple[str, ...]) -> None:
    """With the telephone-events of their clock rates; everything said of the others goes with them."""
    kept = keep_codecs(OURS, names)
    assert f"m=audio 4000 RTP/AVP {media}\r\n" in kept
    assert not [each for each in gone if each in kept]
    assert kept.startswith(SESSION)
    assert kept.endswith("a=ptime:20\r\na=sendrecv\r\n")


def test_digits_are_kept_when_no_clock_rate_fits() -> None:
    """8000 Hz telephone-event is the common ground."""
    sdp = "m=audio 1 RTP/AVP 97 101\r\na=rtpmap:97 AMR-WB/16000\r\na=rtpmap:101 telephone-event/8000\r\n"
    assert keep_codecs(sdp, ["AMR-WB"]) == sdp


@pytest.mark.parametrize("names", [[], ["G729"], ["telephone-event-not"]])
def test_a_section_in_which_nothing_is_left_stays_as_it_was(names: list[str]) -> None:
    """An empty one would not be SDP."""
    assert keep_codecs(OURS, names) == OURS


def test_other_sections_are_left_alone() -> None:
    """Video's payload 96 is not audio's."""
    assert keep_codecs(OURS + VIDEO, ["PCMU"]).endswith(VIDEO)


@pytest.mark.parametrize("name", [*KNOWN_CODECS, *(name.upper() for name in KNOWN_CODECS)])
def test_a_codec_name_is_spelt_as_in_the_contract(name: str) -> None:
    """However it was written."""
    assert canonical_codec(name.lower()) == canonical_codec(name)
    assert canonical_codec(name) in KNOWN_CODECS


@pytest.mark.parametrize("name", ["", "PCM", "G.722", "PCMU/8000", " PCMU"])
def test_an_unknown_codec_name_is_none(name: str) -> None:
    """No guessing."""
    assert canonical_codec(name) is None


# Text of which a good part looks like SDP: whole lines, and pieces of them.
pieces = st.one_of(
    st.sampled_from(
        ["m=audio ", "m=audio 1 RTP/AVP ", "a=rtpmap:", "a=fmtp:", "0", "96", " ", "/8000", "PCMU", "\r\n", "\n"]
    ),
    st.text(st.characters(exclude_categories=["No"]), max_size=8),
)
# Without superscripts and the like: see the test of payload types below.
texts = st.one_of(st.text(st.characters(exclude_categories=["No"])), st.lists(pieces, max_size=30).map("".join))


@given(texts, st.lists(st.sampled_from(KNOWN_CODECS)))
def test_no_text_is_too_broken_to_read(text: str, names: list[str]) -> None:
    """SDP comes from strangers."""
    audio_codecs(text)
    keep_codecs(text, names)


@given(st.lists(st.sampled_from(KNOWN_CODECS), unique=True))
def test_keeping_twice_is_keeping_once(names: list[str]) -> None:
    """What is kept is kept."""
    once = keep_codecs(OURS, names)
    assert keep_codecs(once, names) == once


@pytest.mark.parametrize("payload", ["²", "1" * 5000])
def test_a_payload_type_that_is_no_number_is_passed_over(payload: str) -> None:
    """As is everything else that makes no sense."""
    assert audio_codecs(f"m=audio 4000 RTP/AVP {payload} 0") == [PCMU]


def test_an_rtpmap_with_an_endless_number_is_passed_over() -> None:
    """It fits into one SIP message."""
    assert audio_codecs(f"m=audio 4000 RTP/AVP 0\r\na=rtpmap:{'1' * 5000} X/8000\r\n") == [PCMU]
