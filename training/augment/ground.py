"""Machines and other sounds of the ground that are taken for drones: the named confusers. All **simulated**.

chainsaw    two-stroke 130–230 Hz, revved, bright           mower      four-stroke, 94–104 Hz comb, all orders alike
generator   four-stroke at 25 or 30 Hz half orders, steady  engine     idling or driving, 20–120 Hz, gears, tyres
vacuum      fan tone and broadband, steady, in a room        tool       drill, saw, blender: load changes the speed
speech      pulses with moving formants, syllables, babble   siren      wail, yelp, two-tone, horn
thunder     crack and rolling rumble
"""

from __future__ import annotations

import numpy as np

from training.augment.signal import (
    MOST_ORDERS,
    RATE_HZ,
    Rng,
    Sound,
    between,
    curve_points,
    cycles,
    fast,
    filtered,
    orders,
    play,
    shaped,
    unit,
    walk,
)  # fmt: skip


def _revs(rng: Rng, n: int, low: float, tau_s: float) -> Sound:
    """Return a throttle from `low` to 1 that is pressed and let go."""
    return np.clip(0.5 + walk(rng, n, 0.6, tau_s), 0.0, 1.0) * (1.0 - low) + low


def chainsaw(rng: Rng, n: int) -> Sound:
    fire_hz = rng.uniform(130, 230)
    speed = _revs(rng, n, rng.uniform(0.3, 0.9), rng.uniform(0.2, 1.0)) * (1 + walk(rng, n, 0.01, 0.05))
    turns = cycles(rng, fire_hz * speed)
    decay, bump = rng.uniform(0.5, 4.0), rng.normal(0, 4, MOST_ORDERS)
    made = play(rng, turns, orders(fire_hz, lambda k: -decay * np.log2(k) + bump[: len(k)]))
    noise = shaped(rng, n, curve_points(rng, 3.0, (-1.0, 4.0))) * (1 + np.cos(2 * np.pi * turns)) * speed
    return unit(made * speed) + unit(noise) * 10 ** (rng.uniform(-12, 5) / 20)


def mower(rng: Rng, n: int) -> Sound:
    shaft_hz = rng.uniform(42, 60)
    level_db = rng.normal(0, 3, MOST_ORDERS)
    half = rng.uniform(-20, -3)
    load = walk(rng, n, rng.uniform(0.0005, 0.006), 1.0)
    turns = cycles(rng, shaft_hz / 2 * (1 + load))
    slope = rng.uniform(1.5, 5.0)
    made = play(
        rng,
        turns,
        orders(
            shaft_hz / 2,
            lambda k: (
                level_db[: len(k)]
                + np.where(k % 2, half, np.where(k % 4, rng.uniform(-8, 0), 0.0))
                - slope * np.maximum(np.log2(k * shaft_hz / 2 / 600), 0.0)
            ),
        ),
        1.5,
    )
    noise = shaped(rng, n, curve_points(rng, 3.0, (-4.0, 0.0)))
    return unit(made) + noise * 10 ** (rng.uniform(-15, 3) / 20)


def generator(rng: Rng, n: int) -> Sound:
    half_hz = float(rng.choice([25.0, 30.0])) * rng.uniform(0.97, 1.04)
    bump, slope = rng.normal(0, 5, MOST_ORDERS), rng.uniform(2, 7)
    turns = cycles(rng, half_hz * (1 + walk(rng, n, 0.001, 1.5)))
    made = play(rng, turns, orders(half_hz, lambda k: bump[: len(k)] - slope * np.log2(k)), 1.0)
    return unit(made) + shaped(rng, n, curve_points(rng, 3.0, (-6.0, -1.0))) * 10 ** (rng.uniform(-18, 0) / 20)


def engine(rng: Rng, n: int) -> Sound:
    if rng.random() < 0.5:  # idling
        fire_hz, speed = rng.uniform(16, 45), 1 + walk(rng, n, 0.01, 0.3)
    else:  # driving: gears are steps
        fire_hz = rng.uniform(35, 130)
        step = np.where(np.arange(n) < rng.uniform(0.1, 1.5) * n, 1.0, rng.uniform(0.55, 0.8))
        speed = step * (1 + np.linspace(0, rng.uniform(-0.2, 0.4), n) + walk(rng, n, 0.01, 0.3))
    turns = cycles(rng, fire_hz / 4 * speed)
    bump, slope = rng.normal(0, 5, MOST_ORDERS), rng.uniform(2, 6)
    off = rng.uniform(3, 20)
    made = play(
        rng,
        turns,
        orders(
            fire_hz / 4, lambda k: bump[: len(k)] - np.where(k % 4, off, 0.0) - slope * np.log2(np.maximum(k / 4, 0.5))
        ),
        2.0,
    )
    knock = np.exp(-rng.uniform(2, 8) * (1 - np.cos(8 * np.pi * turns)))
    noise = shaped(rng, n, curve_points(rng, 3.0, (-6.0, 1.0))) * (rng.uniform(0.1, 1.0) + knock)
    return unit(made) + unit(noise) * 10 ** (rng.uniform(-15, 6) / 20)


def room(rng: Rng, sound: Sound) -> Sound:
    """Return the sound in a room: a decaying noise as impulse response."""
    length = int(rng.uniform(0.05, 0.4) * RATE_HZ)
    answer = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    answer[0] += rng.uniform(1, 20)
    size = fast(len(sound) + length)
    return np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(answer, size), size)[: len(sound)]


def vacuum(rng: Rng, n: int) -> Sound:
    fan_hz = between(rng, 150, 900)
    speed = 1 + walk(rng, n, rng.uniform(0.0005, 0.01), 0.7)
    if rng.random() < 0.15:
        speed = speed * np.clip(np.linspace(rng.uniform(0.2, 1.0), rng.uniform(0.2, 1.5), n), 0.2, 1.0)
    turns = cycles(rng, fan_hz * speed)
    decay, bump = rng.uniform(2, 10), rng.normal(0, 5, MOST_ORDERS)
    made = unit(play(rng, turns, orders(fan_hz, lambda k: -decay * np.log2(k) + bump[: len(k)]), 2.0))
    noise = shaped(rng, n, curve_points(rng, 4.0, (-3.0, 3.0)))
    return room(rng, made * 10 ** (rng.uniform(-18, 6) / 20) + noise)


def tool(rng: Rng, n: int) -> Sound:
    low_hz = between(rng, 60, 700)
    speed = _revs(rng, n, rng.uniform(0.4, 0.98), rng.uniform(0.2, 1.5)) * (1 + walk(rng, n, 0.005, 0.05))
    turns = cycles(rng, low_hz * speed)
    decay, bump = rng.uniform(1, 6), rng.normal(0, 6, MOST_ORDERS)
    made = unit(play(rng, turns, orders(low_hz, lambda k: -decay * np.log2(k) + bump[: len(k)])))
    strokes = 1.0
    if rng.random() < 0.4:  # a hand saw, sanding, a planer: strokes of noise
        strokes = np.clip(np.sin(2 * np.pi * cycles(rng, rng.uniform(1, 5) * np.ones(n))), 0, 1) ** rng.uniform(0.5, 2)
        made = made * rng.choice([0.0, 0.3])
    noise = shaped(rng, n, curve_points(rng, 4.0, (0.0, 5.0))) * strokes
    return room(rng, made + noise * 10 ** (rng.uniform(-15, 8) / 20))


def speech(rng: Rng, n: int) -> Sound:
    voices = int(rng.choice([1, 1, 1, 2, 5]))
    return np.sum([_voice(rng, n) for _ in range(voices)], axis=0)


def _voice(rng: Rng, n: int) -> Sound:
    pitch_hz = between(rng, 80, 420) * np.exp(walk(rng, n, rng.uniform(0.05, 0.2), rng.uniform(0.1, 0.4)))
    tilt = rng.uniform(4, 10)
    turns = cycles(rng, pitch_hz)
    source = play(rng, turns, orders(float(pitch_hz.max()), lambda k: -tilt * np.log2(k)), 1.0)
    made, at = np.zeros(n), 0
    while at < n:  # syllables, each with its own formants
        length = int(rng.uniform(0.06, 0.35) * RATE_HZ)
        part = slice(at, min(at + length, n))
        count = part.stop - part.start
        f1, f2, f3 = rng.uniform(250, 850), rng.uniform(800, 2300), rng.uniform(2200, 3300)
        points = [
            (50, -25),
            (f1 * 0.7, -12),
            (f1, 0),
            (f1 * 1.3, -12),
            (max(f2, f1 * 1.5), -6),
            (f3 + 300, -14),
            (6000, -35),
        ]
        kind = rng.random()
        if kind < 0.7:
            piece = filtered(source[part], points)
        elif kind < 0.85:
            piece = 0.3 * shaped(rng, count, [(100, -40), (2000, -15), (4500, 0), (8000, -3)]) if count > 8 else 0.0
        else:
            piece = 0.0
        made[part] = piece * np.hanning(count + 2)[1:-1] ** 0.5
        at = part.stop
    return unit(made)


def siren(rng: Rng, n: int) -> Sound:
    time_s = np.arange(n) / RATE_HZ + rng.uniform(0, 10)
    kind, low, high = rng.random(), between(rng, 350, 900), between(rng, 950, 1900)
    if kind < 0.35:
        sweep = 0.5 - 0.5 * np.cos(2 * np.pi * time_s * between(rng, 0.08, 0.4))
        pitch = low * (high / low) ** sweep
    elif kind < 0.55:
        pitch = low * (high / low) ** ((time_s * rng.uniform(1.5, 5)) % 1.0)
    elif kind < 0.8:
        pitch = np.where((time_s * rng.uniform(0.6, 2.5)) % 1.0 < 0.5, low, low * rng.uniform(1.15, 1.5))
    elif kind < 0.9:  # a horn
        pitch = np.full(n, rng.uniform(180, 500))
    else:  # a reversing beeper
        pitch = np.full(n, rng.uniform(900, 3200))
    decay = rng.uniform(2, 14)
    made = play(rng, cycles(rng, pitch), orders(float(pitch.max()), lambda k: -decay * np.log2(k)), 2.0)
    if kind > 0.9 or rng.random() < 0.1:
        made = made * ((time_s * rng.uniform(0.7, 3)) % 1.0 < rng.uniform(0.3, 0.7))
    return made


def thunder(rng: Rng, n: int) -> Sound:
    time_s = np.arange(n) / RATE_HZ - rng.uniform(-1.0, 0.8)
    fall = np.where(time_s > 0, np.exp(-np.maximum(time_s, 0) / rng.uniform(0.4, 2.5)), 0.02)
    rumble = shaped(rng, n, [(30, 0), (80, 0), (200, -rng.uniform(4, 10)), (1000, -25), (8000, -50)])
    crack = shaped(rng, n, [(50, -5), (300, 0), (3000, -8), (8000, -20)]) * np.exp(-np.maximum(time_s, 0) * 6)
    rolling = 10 ** (walk(rng, n, 5.0, 0.25) / 20)
    return (rumble * rolling + crack * (time_s > 0) * rng.uniform(0, 1.5)) * fall + 1e-3 * rng.standard_normal(n)


GROUND = {
    "chainsaw": chainsaw,
    "mower": mower,
    "generator": generator,
    "engine": engine,
    "vacuum": vacuum,
    "tool": tool,
    "speech": speech,
    "siren": siren,
    "thunder": thunder,
}
