"""The nouns: they survive JSON, refuse nonsense, and may be written by hand."""

from __future__ import annotations

import json

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry import events
from skysentry.errors import FormatError

SCAN = (
    '{"type":"scan","sensor":"r1","time_ns":5,'
    '"detections":[{"measurement":{"kind":"bearing","bearing_deg":3,"sigma_deg":4}}]}'
)


def test_a_line_written_by_hand_is_completed() -> None:
    scan = events.decode(SCAN)
    assert isinstance(scan, events.Scan)
    assert scan.id == "r1@5"
    assert scan.received_ns == 5
    assert scan.detections[0].id == "r1@5#0"
    assert scan.detections[0].measurement == events.Bearing(bearing_deg=3.0, sigma_deg=4.0)


def test_events_survive_json_and_hash() -> None:
    scan = events.decode(SCAN)
    assert events.decode(events.encode(scan)) == scan
    assert hash(events.decode(events.encode(scan))) == hash(scan)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "null",
        "{",
        '{"type":"nonsense"}',
        '{"type":"scan"}',
        '{"type":"scan","sensor":"r","time_ns":-1}',
        '{"type":"scan","sensor":"r","time_ns":1e999}',
        '{"type":"scan","sensor":"r","time_ns":99999999999999999999}',
        '{"type":"scan","sensor":"r","time_ns":1,"detections":[{"measurement":{"kind":"fairy"}}]}',
        SCAN.replace('"sigma_deg":4', '"sigma_deg":0'),
        SCAN.replace('"bearing_deg":3', '"bearing_deg":NaN'),
        "[" * 100_000,
    ],
)
def test_nonsense_is_a_clear_error(line: str) -> None:
    with pytest.raises(FormatError, match=r"event|object") as caught:
        events.decode(line)
    assert caught.value.hint


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes_are_an_event_or_a_format_error(line: bytes) -> None:
    try:
        event = events.decode(line)
    except FormatError:
        return
    assert event.id


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["scan", "order", "truth", "health", "track", "alert", "packet", "block"])},
        optional=dict.fromkeys(("id", "sensor", "time_ns", "received_ns", "detections", "object", "target"), JSON),
    )
)
@settings(max_examples=200)
def test_any_object_is_an_event_or_a_format_error(fields: dict[str, object]) -> None:
    try:
        event = events.decode(json.dumps(fields))
    except FormatError:
        return
    assert event.time_ns >= 0


def test_the_schema_accepts_what_we_write() -> None:
    schema = msgspec.json.schema(events.AnyEvent)
    jsonschema.validate(json.loads(events.encode(events.decode(SCAN))), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"type": "scan"}, schema)
