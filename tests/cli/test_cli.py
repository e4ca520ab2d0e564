"""The command line as a person uses it: real processes, their output, their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from skysentry.cli import COMMANDS

SharedData = Callable[[str], Path]


def skysentry(*args: str | Path, cwd: Path | None = None, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "skysentry", *map(str, args)]
    return subprocess.run(command, capture_output=True, cwd=cwd, input=stdin, timeout=120, check=False)


def lines(output: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, object]]]:
    """Return the folder and the output of a short headless demonstration."""
    folder = tmp_path_factory.mktemp("night") / "demo"
    done = skysentry("demo", "--headless", "--seconds", "60", "--speed", "max", "--json", "--data", folder)
    assert done.returncode == 0, done.stderr.decode()
    return folder, lines(done.stdout)


def test_help_names_every_command() -> None:
    shown = skysentry("--help").stdout.decode()
    assert all(name in shown for name in COMMANDS)
    for name in COMMANDS:
        assert skysentry(name, "--help").returncode == 0


def test_the_demonstration_ends_with_tracks_and_alerts(night: tuple[Path, list[dict[str, object]]]) -> None:
    _, events = night
    kinds = {event["type"] for event in events}
    assert {"track", "alert"} <= kinds
    first_ns = min(int(str(event["received_ns"])) for event in events if event["type"] == "alert")
    start_ns = min(int(str(event["received_ns"])) for event in events)
    assert first_ns - start_ns < 20_000_000_000


def test_replaying_a_recording_twice_gives_the_same_bytes_as_the_run(
    night: tuple[Path, list[dict[str, object]]],
) -> None:
    folder, events = night
    once, twice = (skysentry("replay", folder, "--json") for _ in range(2))
    assert once.returncode == 0, once.stderr.decode()
    assert once.stdout == twice.stdout
    assert lines(once.stdout) == events


def test_a_recording_is_scored(night: tuple[Path, list[dict[str, object]]]) -> None:
    folder, _ = night
    done = skysentry("score", folder, "--truth", folder / "truth.jsonl", "--threats-only", "--json")
    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(done.stdout)
    assert report["tracks"]["completeness"] > 0.5
    assert skysentry("score", folder, "--truth", folder / "truth.jsonl").stdout.startswith(b"")


def test_sim_writes_files_that_replay(tmp_path: Path) -> None:
    done = skysentry("sim", "airport", "--out", tmp_path, "--seconds", "40")
    assert done.returncode == 0, done.stderr.decode()
    done = skysentry(
        "replay", tmp_path / "scans.jsonl", "--site", tmp_path / "site.toml", "--until", "tracks", "--json"
    )
    assert done.returncode == 0, done.stderr.decode()
    assert any(event["type"] == "track" for event in lines(done.stdout))


def test_info_says_what_is_in_it(night: tuple[Path, list[dict[str, object]]]) -> None:
    folder, _ = night
    (found,) = lines(skysentry("info", folder, "--json").stdout)
    assert found["format"] == "mcap"
    assert found["notes"] == []


def test_schemas_are_schemas() -> None:
    made = json.loads(skysentry("schema").stdout)
    for schema in made.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_init_writes_a_site_that_doctor_understands(tmp_path: Path) -> None:
    assert skysentry("init", cwd=tmp_path).returncode == 0
    again = skysentry("init", cwd=tmp_path)
    assert again.returncode == 2
    assert b"hint:" in again.stderr
    found = lines(skysentry("doctor", "site.toml", "--json", "--port", "18097", cwd=tmp_path).stdout)
    assert {"check": "site", "state": "ok", "found": "my site: 1 sensors, 1 zones", "mend": ""} in found
    (sound,) = [one for one in found if one["check"] == "sound"]
    assert sound["state"] == "ok"
    assert "simulated, unvalidated: fixed wing electric, fixed wing piston, jet, aeroplane" in sound["found"]


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("replay", "absent.pcap"), 2, b"no such file"),
        (("replay", "empty"), 2, b"empty"),
        (("replay", "rubbish"), 2, b"--as"),
        (("replay", "rubbish", "--as", "wav"), 2, b"rubbish"),
        (("replay", "rubbish", "--as", "mcap"), 2, b"rubbish"),
        (("replay", "rubbish", "--as", "pcap"), 2, b"rubbish"),
        (("replay", "rubbish", "--as", "jsonl"), 2, b"rubbish"),
        (("replay", "rubbish", "--as", "cloud"), 2, b"unknown format"),
        (("replay", "rubbish", "--speed", "fast"), 2, b"no pace"),
        (("run", "absent.toml"), 2, b"skysentry init"),
        (("score", "rubbish", "--truth", "rubbish"), 2, b"rubbish"),
        (("sim", "raod", "--out", "x"), 2, b"raid"),
        (("demo", "--speed", "max"), 2, b"--headless"),
        (("dmo",), 2, b"demo"),
        (("replay",), 2, b"FILES"),
    ],
)
def test_wrong_input_is_explained(tmp_path: Path, args: tuple[str, ...], code: int, says: bytes) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "rubbish").write_bytes(os.urandom(64) + b"\x00\xff" * 500)
    done = skysentry(*args, cwd=tmp_path)
    assert done.returncode == code, done.stderr.decode()
    assert says in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_reader_that_leaves_is_no_error(night: tuple[Path, list[dict[str, object]]]) -> None:
    folder, _ = night
    command = f"{sys.executable} -m skysentry replay {folder} --json | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=120, check=True)
    assert json.loads(done.stdout)
    assert done.stderr == b""


def test_the_real_drone_is_one_track(shared_data: SharedData) -> None:
    folder = shared_data("C-remoteid-pcap")
    known = json.loads((folder / "summary.json").read_text())["parrot_anafi4_real.pcapng"]
    done = skysentry("replay", folder / "parrot_anafi4_real.pcapng", "--until", "tracks", "--json")
    tracks = [event for event in lines(done.stdout) if event["type"] == "track"]
    assert len({track["track_id"] for track in tracks}) == 1
    assert sum(len(track["detections"]) for track in tracks) == known["loc_n"]  # type: ignore[arg-type]
    identity = tracks[-1]["identity"]
    assert isinstance(identity, dict)
    assert [identity["value"]] == list(known["ids"])
    assert abs(identity["operator"]["lat_deg"] - known["system"][-1][0]) < 1e-3


def test_a_sound_clip_gives_scans_with_ratios(shared_data: SharedData) -> None:
    clips = sorted((shared_data("A-svanstrom-audio") / "flac").glob("DRONE_*.flac"))
    done = skysentry("replay", *clips[:1], "--until", "detections", "--json")
    scans = [event for event in lines(done.stdout) if event["type"] == "scan"]
    assert len(scans) >= 9
    assert all(int(str(scan["time_ns"])) > 0 for scan in scans)
    assert any(found["class_llr"] for scan in scans for found in scan["detections"])  # type: ignore[attr-defined]
