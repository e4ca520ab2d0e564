"""Frames of MAVLink among noise: one that is damaged costs no other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from skysentry.wire import mavlink, mavlink_odid

FORMS = mavlink_odid.FORMS
NUMBER, FORM = next(iter(FORMS.items()))
FRAMES = [mavlink.frame(FORM, NUMBER, bytes([k + 1] * FORM.layout.size), sequence=k) for k in range(8)]


@given(st.binary(max_size=20).filter(lambda noise: b"\xfd" not in noise))
def test_noise_before_frames_costs_none(noise: bytes) -> None:
    frames, _, _ = mavlink.split(noise + b"".join(FRAMES), FORMS)
    assert frames == FRAMES


def test_markers_and_cut_frames_cost_none() -> None:
    for noise in (b"\xfe\xff", b"\xfd\xff", b"\xfe", FRAMES[0][:7], FRAMES[0][:-1], b"\xfd\xff\x01"):
        assert mavlink.split(noise + b"".join(FRAMES), FORMS)[0] == FRAMES


@given(st.integers(0, 8 * len(FRAMES[0]) - 1))
def test_a_flipped_bit_costs_its_frame_alone(bit: int) -> None:
    damaged = bytearray(b"".join(FRAMES))
    damaged[len(FRAMES[0]) + bit // 8] ^= 1 << bit % 8
    frames, _, _ = mavlink.split(bytes(damaged), FORMS)
    assert [one for one in FRAMES if one in frames] == [FRAMES[0], *FRAMES[2:]]


@given(st.integers(1, 200))
def test_frames_come_in_pieces(size: int) -> None:
    data, rest, got = b"".join(FRAMES), b"", []
    for at in range(0, len(data), size):
        rest += data[at : at + size]
        frames, begin, skipped = mavlink.split(rest, FORMS)
        got += frames
        rest = rest[begin:]
        assert skipped == 0
    assert got == FRAMES
