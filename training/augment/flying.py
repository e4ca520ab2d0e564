"""Sources that fly: multirotor, electric and piston fixed wing, jet, helicopter, aeroplane. All **simulated**.

Bands and order patterns follow reference signals.md 1.3b (piston and jet drones in phone recordings) and general
knowledge of engines where it says nothing:

    multirotor   1 to 8 rotors, blade pass 70–1,300 Hz (carriers to toys), up to 8 % apart and restless (attitude
                 control), throttle in steps or rising at times; shaft orders weak; motor whine; broadband wash
    electric     one or two propellers, 60–300 Hz, steady
    piston       two-blade propeller locked to the shaft (75–105 Hz; 50–130 drawn), even orders strong, half orders of
                 four-stroke engines, exhaust resonance 250–900 Hz, 5–9 dB down above 1 kHz, 18–40 dB above 3 kHz
    jet          no comb; 300–3,000 Hz flat within 3 dB, some 20 dB down above; a faint whine at times
    helicopter   main rotor 10–28 Hz as slap on broadband, tail rotor comb, turbine whine
    aeroplane    light piston (shaft 33–45 Hz), turboprop (blade pass 70–120 Hz), airliner (rumble, fan tones)
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
    filtered,
    orders,
    play,
    shaped,
    unit,
    walk,
)  # fmt: skip


def multirotor(rng: Rng, n: int) -> Sound:
    pick = rng.random()  # carriers of cameras and loads, small ones, toys and racers
    blade_hz = (
        between(rng, 70, 280) if pick < 0.45 else between(rng, 180, 500) if pick < 0.75 else between(rng, 400, 1300)
    )
    blades = int(rng.choice([2, 2, 2, 3, 3, 4]))
    shared = _throttle(rng, n)
    decay, weak, tone_db = rng.uniform(0.5, 9.0), rng.uniform(8.0, 30.0), curve_points(rng, rng.uniform(0.0, 8.0))
    spread, jitter, hasty_s = rng.uniform(0.0, 0.08), rng.uniform(0.001, 0.015), rng.uniform(0.05, 0.4)
    louder, gusty = rng.uniform(1.5, 3.0), rng.uniform(1.5, 4.0)
    whines = rng.random() < 0.6
    whine_hz, whine_decay = between(rng, 600.0, 7000.0), rng.uniform(6.0, 20.0)
    made, whine, wash = np.zeros(n), np.zeros(n), np.zeros(n)
    for _ in range(int(rng.choice([1, 2, 4, 4, 4, 4, 4, 6, 8]))):
        speed = np.clip(1.0 + rng.normal(0, spread) + shared + walk(rng, n, jitter, hasty_s), 0.4, 2.0)
        turns = cycles(rng, blade_hz / blades * speed)
        gain = 10 ** (rng.normal(0, 3.0) / 20) * speed**louder
        made += gain * play(rng, turns, _blades(rng, blade_hz, blades, decay, weak, tone_db))
        wash += gain * (1.0 + 0.5 * np.cos(2 * np.pi * blades * turns))
        if whines:
            amplitudes = orders(whine_hz * 1.5, lambda k: -whine_decay * np.log2(k))
            whine += 10 ** (rng.normal(0, 5.0) / 20) * play(rng, cycles(rng, whine_hz * speed), amplitudes)
    swell = (1.0 + shared) ** gusty * 10 ** (walk(rng, n, rng.uniform(0.0, 3.0), rng.uniform(0.1, 1.0)) / 20)
    noise = shaped(rng, n, curve_points(rng, 5.0, (-3.0, 3.0))) * (wash / np.mean(wash)) * np.clip(swell, 0.05, 20.0)
    made = unit(made) + unit(noise) * 10 ** (rng.uniform(-18, 12) / 20)
    return made + unit(whine) * 10 ** (rng.uniform(-35, 0) / 20)


def _throttle(rng: Rng, n: int) -> Sound:
    """Return the change of speed that all rotors share: restless, at times commanded in steps, or rising."""
    shared = walk(rng, n, rng.uniform(0.003, 0.04), rng.uniform(0.3, 2.0))
    kind = rng.random()
    if kind < 0.3:
        return shared + np.linspace(0.0, rng.uniform(-0.25, 0.25), n)
    if kind < 0.6:
        count = int(n / RATE_HZ * rng.uniform(0.4, 3.0)) + 2
        held = np.repeat(rng.normal(0, rng.uniform(0.02, 0.15), count), 2)
        start = np.sort(rng.uniform(0, n, count - 1))
        ends = start + rng.uniform(0.05, 0.4) * RATE_HZ
        times = np.concatenate(([-RATE_HZ], np.column_stack((start, ends)).ravel(), [n + 8 * RATE_HZ]))
        return shared + np.interp(np.arange(n), np.maximum.accumulate(times), held)
    return shared


def _blades(
    rng: Rng, blade_hz: float, blades: int, decay: float, weak: float, tone_db: list[tuple[float, float]]
) -> Sound:
    """Return amplitudes of the orders of one shaft: those of the blades, weakly the others, under a random tone."""
    hz, db = zip(*tone_db, strict=True)
    drop = rng.normal(0, 3.0, MOST_ORDERS)

    def level_db(k: Sound) -> Sound:
        own = -decay * np.log2(np.maximum(k / blades, 0.5)) - np.where(k % blades, weak, 0.0) + drop[: len(k)]
        return own + np.interp(np.log(k * blade_hz / blades), np.log(hz), db)

    return orders(blade_hz / blades, level_db)


def electric(rng: Rng, n: int) -> Sound:
    blade_hz, blades = between(rng, 60.0, 300.0), int(rng.choice([2, 2, 3]))
    throttle = walk(rng, n, rng.uniform(0.001, 0.015), 1.5)
    decay, weak = rng.uniform(3.0, 11.0), rng.uniform(10.0, 30.0)
    made = np.zeros(n)
    for _ in range(int(rng.choice([1, 1, 2]))):
        turns = cycles(rng, blade_hz / blades * (1 + throttle + rng.normal(0, 0.005) + walk(rng, n, 0.0015, 0.3)))
        made += play(
            rng,
            turns,
            orders(
                blade_hz / blades,
                lambda k: -decay * np.log2(np.maximum(k / blades, 0.5)) - np.where(k % blades, weak, 0.0),
            ),
        )
    noise = shaped(rng, n, curve_points(rng, 4.0, (-4.0, 2.0)))
    return unit(made) + noise * 10 ** (rng.uniform(-22, 0) / 20)


def _engine(rng: Rng, shaft_hz: float, pattern_db: Sound, exhaust_hz: float, bright_db: float) -> Sound:
    """Return amplitudes of the orders of half the shaft: a pattern that repeats, under an exhaust resonance."""

    def level_db(k: Sound) -> Sound:
        hz = k * shaft_hz / 2.0
        tone = -6.0 * np.abs(np.log2(hz / exhaust_hz)) ** 1.3
        steep = -bright_db * np.maximum(np.log2(hz / 1000.0), 0.0)
        return pattern_db[(k.astype(int) - 1) % len(pattern_db)] + tone + steep

    return orders(shaft_hz / 2.0, level_db)


def piston(rng: Rng, n: int) -> Sound:
    shaft_hz = between(rng, 50.0, 130.0) if rng.random() < 0.3 else rng.uniform(70.0, 110.0)
    # Orders of half the shaft: 1, 3 half orders (four-stroke only), 2 the shaft, 4 the blade pass and the firing.
    half, odd = rng.uniform(-30, -8), rng.uniform(-16, -1)
    pattern = np.array([half, odd, half, 0.0]) + rng.normal(0, 1.5, 4)
    amplitudes = _engine(
        rng, shaft_hz, np.tile(pattern, 12) + rng.normal(0, 4, 48), between(rng, 250, 900), rng.uniform(3.0, 12.0)
    )
    change = walk(rng, n, rng.uniform(0.001, 0.02), rng.uniform(0.5, 2.0))
    if rng.random() < 0.25:  # a dive: 185 to 252 Hz within seconds
        change = change + np.linspace(0.0, rng.uniform(0.05, 0.35), n)
    turns = cycles(rng, shaft_hz / 2 * (1 + change + walk(rng, n, 0.002, 0.08)))
    made = play(rng, turns, amplitudes, 2.0)
    noise = shaped(rng, n, [(60, -10), (300, 0), (1000, -3), (3000, -16), (8000, -30)])
    return unit(made) + noise * (1 + 0.5 * np.cos(8 * np.pi * turns)) * 10 ** (rng.uniform(-20, -2) / 20)


def jet(rng: Rng, n: int) -> Sound:
    low, high = between(rng, 200, 450), between(rng, 2000, 3600)
    points = [
        (50, -rng.uniform(8, 25)),
        (low, rng.uniform(-2, 2)),
        (900, rng.uniform(-2, 2)),
        (high, rng.uniform(-3, 1)),
        (8000, -rng.uniform(14, 30)),
    ]
    made = shaped(rng, n, points) * 10 ** (walk(rng, n, rng.uniform(0.3, 1.5), 0.6) / 20)
    if rng.random() < 0.5:
        turns = cycles(rng, between(rng, 900, 6500) * (1 + walk(rng, n, 0.003, 1.0)))
        made += np.sin(2 * np.pi * turns) * 10 ** (rng.uniform(-30, -8) / 20)
    return made


def helicopter(rng: Rng, n: int) -> Sound:
    main_hz, tail_hz = rng.uniform(10, 28), rng.uniform(55, 130)
    steady = walk(rng, n, 0.003, 2.0)
    turns = cycles(rng, main_hz * (1 + steady))
    slap = np.exp(-rng.uniform(2, 14) * (1 - np.cos(2 * np.pi * turns)))
    noise = shaped(rng, n, curve_points(rng, 3.0, (-7.0, -2.0)))
    made = unit(noise * (rng.uniform(0.1, 0.8) + slap))
    made += unit(play(rng, turns, orders(main_hz, lambda k: -rng.uniform(3, 6) * np.log2(k)), 2.0)) * rng.uniform(0, 1)
    decay = rng.uniform(3, 9)
    tail = play(rng, cycles(rng, tail_hz * (1 + steady)), orders(tail_hz, lambda k: -decay * np.log2(k)))
    made += unit(tail) * 10 ** (rng.uniform(-20, 3) / 20)
    if rng.random() < 0.4:
        made += np.sin(2 * np.pi * cycles(rng, between(rng, 1500, 7000) * (1 + steady))) * 10 ** (
            rng.uniform(-35, -15) / 20
        )
    return made


def aeroplane(rng: Rng, n: int) -> Sound:
    kind = rng.random()
    if kind < 0.55:
        shaft_hz = rng.uniform(33, 46)
        half, odd = rng.uniform(-20, -5), rng.uniform(-14, -2)
        pattern = np.tile(np.array([half, odd, half, 0.0]), 12) + rng.normal(0, 3, 48)
        amplitudes = _engine(rng, shaft_hz, pattern, between(rng, 120, 500), rng.uniform(4, 12))
        turns = cycles(rng, shaft_hz / 2 * (1 + walk(rng, n, 0.002, 1.5)))
        noise = shaped(rng, n, curve_points(rng, 3.0, (-7.0, -3.0)))
        return unit(play(rng, turns, amplitudes, 2.0)) + noise * 10 ** (rng.uniform(-18, 0) / 20)
    if kind < 0.75:
        blade_hz, decay = rng.uniform(70, 120), rng.uniform(4, 10)
        turns = cycles(rng, blade_hz * (1 + walk(rng, n, 0.001, 1.5)))
        noise = shaped(rng, n, curve_points(rng, 3.0, (-6.0, -2.0)))
        return unit(play(rng, turns, orders(blade_hz, lambda k: -decay * np.log2(k)))) + noise * rng.uniform(0.1, 1.5)
    made = shaped(rng, n, [(40, -3), (120, 0), (between(rng, 400, 900), -2), (3000, -rng.uniform(12, 25)), (8000, -45)])
    if rng.random() < 0.4:
        turns = cycles(rng, between(rng, 700, 3000) * (1 + walk(rng, n, 0.002, 2.0)))
        made += filtered(np.sin(2 * np.pi * turns), [(100, 0), (8000, 0)]) * 10 ** (rng.uniform(-30, -10) / 20)
    return made


FLYING = {
    "multirotor": multirotor,
    "fixed_wing_electric": electric,
    "fixed_wing_piston": piston,
    "jet": jet,
    "helicopter": helicopter,
    "aeroplane": aeroplane,
}
