"""The learned branch on recordings that its nets left out (bench/acoustic_folds.npz); never the shipped net on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skysentry.sensing.acoustic import fuse


@pytest.fixture(scope="module")
def learned(shared_data: Callable[[str], Path]) -> object:
    for item in ("A-svanstrom-audio", "A-esc10-ccby", "A-motor-bench"):
        shared_data(item)
    from bench import acoustic_learned

    return acoustic_learned


def test_each_fold_left_out_whole_scenes(learned: object) -> None:
    scenes: dict[tuple[str, str], set[str]] = {}
    for name in (*learned.DEVELOPMENT, learned.LAST):  # type: ignore[attr-defined]
        for index in learned.left(name):  # type: ignore[attr-defined]
            one = learned.RECORDINGS[index]  # type: ignore[attr-defined]
            scenes.setdefault((one.corpus, one.scene), set()).add(name)
    assert all(len(folds) == 1 for folds in scenes.values())
    assert len(scenes) == len({(one.corpus, one.scene) for one in learned.RECORDINGS})  # type: ignore[attr-defined]


def test_unheard_drones_rank_above_unheard_helicopters_and_backgrounds(learned: object) -> None:
    folds = (*learned.DEVELOPMENT, learned.LAST)  # type: ignore[attr-defined]
    drone = learned.scores(folds, "svanstrom", ("DRONE",), True)  # type: ignore[attr-defined]
    rest = learned.scores(folds, "svanstrom", ("BACKGROUND", "HELICOPTER"), True)  # type: ignore[attr-defined]
    assert len(drone) == 20
    assert len(rest) == 40
    area = float(np.mean(drone[:, None] > rest))
    assert area >= 0.99, area  # measured by bench.acoustic_learned: 1.000


def test_drones_known_from_drawn_ones_alone_rank_above_what_was_never_heard_either(learned: object) -> None:
    drone = learned.scores(("no-svanstrom",), "svanstrom", ("DRONE",), False)  # type: ignore[attr-defined]
    rest = learned.scores(  # type: ignore[attr-defined]
        ("no-svanstrom",), "svanstrom", ("BACKGROUND", "HELICOPTER"), False
    )
    area = float(np.mean(drone[:, None] > rest))
    assert area >= 0.945, area  # measured by bench.acoustic_learned: 0.949


def test_few_machines_that_nothing_learned_from_are_drones(learned: object) -> None:
    found: dict[str, list[bool]] = {"chainsaw": [], "no_prop": []}
    for name in (*learned.DEVELOPMENT, learned.LAST):  # type: ignore[attr-defined]
        for index in learned.left(name):  # type: ignore[attr-defined]
            kind = learned.RECORDINGS[index].kind  # type: ignore[attr-defined]
            if kind in found:
                beliefs = learned.beliefs(name, index, False)  # type: ignore[attr-defined]
                found[kind] += [fuse.flies(b) >= fuse.DETECT_LLR for b in beliefs]
    # measured by bench.acoustic_learned: 0.04 (other chainsaws were learned) and 0.07 (no other bare motor was)
    assert np.mean(found["chainsaw"]) <= 0.05
    assert np.mean(found["no_prop"]) <= 0.12


def test_the_net_of_lines_is_asked_of_drones_and_not_of_all(learned: object) -> None:
    asked: dict[str, list[bool]] = {"DRONE": [], "BACKGROUND": [], "crackling_fire": []}
    for name in (*learned.DEVELOPMENT, learned.LAST):  # type: ignore[attr-defined]
        for index in learned.left(name):  # type: ignore[attr-defined]
            kind = learned.RECORDINGS[index].kind  # type: ignore[attr-defined]
            if kind in asked:
                asked[kind] += [second.asked for second in learned.heard(name, index)]  # type: ignore[attr-defined]
    # measured by bench.acoustic_learned: 0.99, 0.68, 0.62; a question is a quarter of what a second costs
    assert np.mean(asked["DRONE"]) >= 0.95
    assert np.mean(asked["BACKGROUND"]) <= 0.75
    assert np.mean(asked["crackling_fire"]) <= 0.7
