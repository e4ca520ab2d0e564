"""`skysentry init`: a site.toml to start from."""

from __future__ import annotations

from pathlib import Path

import click

from skysentry.errors import InputError

TEMPLATE = """\
# What is believed of a place that is watched. `skysentry doctor site.toml` checks it, `skysentry run` runs it.
# Angles are degrees clockwise from true north; altitudes are metres above the WGS-84 ellipsoid.

name = "my site"
civil_airspace_closed = false     # true: nothing civil should fly, so being civil calms nobody

[position]                        # the middle of the map and of the tracker's frame
lat_deg = 50.4501
lon_deg = 30.5234
alt_m = 170.0

[weather]                         # sets the speed of sound and the drift of balloons
temperature_c = 12.0
wind_from_deg = 270.0
wind_mps = 3.0

# --- sensors: what they are, where they stand, what they can do, and how sure you are of it ---------------------

[[sensor]]
id = "remote-id-roof"
kind = "remote_id"
position = { lat_deg = 50.4501, lon_deg = 30.5234, alt_m = 190.0 }
link = "udp://127.0.0.1:7801"     # JSON lines; docs/links.md lists every kind of link

# [[sensor]]
# id = "adsb"
# kind = "adsb"
# link = "beast://127.0.0.1:30005" # readsb or dump1090

# [[sensor]]
# id = "mic-1"
# kind = "microphone"
# position = { lat_deg = 50.4520, lon_deg = 30.5100, alt_m = 180.0 }
# clock_sigma_s = 0.05             # 1 s of clock error is 343 m of path
# pd = 0.8                         # chance to notice, in one look, what is well inside the reach
# false_per_scan = 0.005
# link = "udp://127.0.0.1:7802"
# [sensor.coverage]
# max_m = 2500.0
# soft_m = 300.0

# --- zones: who is warned, and how much time they need ------------------------------------------------------------

[[zone]]
id = "school"
name = "School"
circle = { lat_deg = 50.4550, lon_deg = 30.5300, radius_m = 400.0 }
urgent_s = 60.0                   # to reach shelter
warning_s = 180.0                 # to get ready
watch_s = 600.0                   # to know

# [[zone]]
# geojson = "zones.geojson"        # every polygon in it becomes a zone

# --- who may fly, and where alerts go beside the screen -------------------------------------------------------------

# [[authorised]]
# identity = "a Remote ID serial or an ICAO address"
# polygon = [[30.51, 50.44], [30.55, 50.44], [30.55, 50.46]]   # where; everywhere without it
# kind = "multirotor"              # what it has to look like; anything without it
# note = "inspection flights"

# [equipped]                       # shares of what flies here that say who they are: how much silence means
# remote_id = 0.5                  # of drones
# adsb = 0.9                       # of aircraft with a crew
# radio = 0.8                      # of drones, any control or video link

# [[output]]
# kind = "webhook"
# url = "http://127.0.0.1:9000/alerts"
# secret_env = "SIREN_TOKEN"       # the name of an environment variable, never the secret itself
"""


@click.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), default=Path("site.toml"))
def command(path: Path) -> None:
    """Write a commented site.toml to PATH; an existing file is left alone."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise InputError("exists already", where=str(path), hint="name another file, or remove it") from None
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), hint="choose another path") from None
    click.echo(f"{path} is written. Edit it, then: skysentry doctor {path}", err=True)
