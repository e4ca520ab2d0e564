"""The speech gate on voices that it was not fitted to: `python -m bench.speech` (`--fit` prints weights anew).

Voices: espeak-ng (22 voices) and Asterisk's English prompts for fitting; flite, Asterisk's French, Russian and Spanish
prompts and ALSA's test voice for judging (Debian: espeak-ng flite asterisk-core-sounds-{en,fr,ru,es}-wav alsa-utils).
Sounds: ../shared/data, one half of the files for fitting, the other for judging. Each clip is ten seconds of a sound
with utterances in it, at a set level in 300 to 3,400 Hz, over the seconds where they sound.

A stretch of speech counts as left where 0.5 s or more of it is unmarked and its syllables are there (a syllable is
0.2 s, a short word 0.3 s).
"""

from __future__ import annotations

import io
import os
import random
import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import soundfile
import soxr

from skysentry.sensing.acoustic import speech

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
PROMPTS = Path("/usr/share/asterisk/sounds")
# fmt: off
VOICES = (
    "en", "en-us", "en+f2", "en+f4", "en+m3", "en+m7", "de", "de+f3", "fr", "fr+f5", "es", "uk", "uk+f2", "ru", "pl",
    "it+f1", "pt", "tr", "nl", "en-us+f3", "en+whisper", "en+croak",
)
# fmt: on
LEFT_S = 0.5
Sound = np.ndarray


def load(path: Path | io.BytesIO) -> Sound:
    sound, rate = soundfile.read(str(path) if isinstance(path, Path) else path, dtype="float32", always_2d=True)
    mono = sound.mean(axis=1)
    return (mono if rate == 16_000 else soxr.resample(mono, rate, 16_000)).astype(np.float32)


def sentences() -> list[str]:
    text = re.sub(r"[^A-Za-z .,\n]", " ", "\n".join(p.read_text() for p in sorted((ROOT / "docs").glob("*.md"))))
    return [part.strip() for part in re.split(r"[.\n]", text) if 25 < len(part.strip()) < 120]


def said(command: list[str]) -> Sound:
    return load(io.BytesIO(subprocess.run(command, capture_output=True, check=True).stdout))


def prompts(language: str, chance: random.Random, most: int = 80) -> list[tuple[str, Sound]]:
    found = sorted((PROMPTS / language).rglob("*.wav"))
    found = [p for p in found if p.stat().st_size > 40_000 and not {"silence", "beep"} & set(p.parts)]
    chance.shuffle(found)
    return [(language, load(path)) for path in found[:most] if "monkeys" not in path.name and "tt-" not in path.name]


def voices() -> tuple[list[tuple[str, Sound]], list[tuple[str, Sound]]]:
    """Return utterances for fitting and for judging."""
    chance, texts = random.Random(5), sentences()
    espeak = []
    for index in range(160):
        pace, pitch = str(chance.randrange(120, 200)), str(chance.randrange(20, 80))
        command = ["espeak-ng", "-v", VOICES[index % len(VOICES)], "-s", pace, "-p", pitch, "--stdout"]
        espeak.append(("espeak", said([*command, chance.choice(texts)])))
    flite = []
    for index in range(60):
        voice = ("kal", "slt", "awb", "rms")[index % 4]
        flite.append(("flite", said(["flite", "-voice", voice, "-t", chance.choice(texts), "-o", "/dev/stdout"])))
    alsa = [("alsa", load(path)) for path in sorted(Path("/usr/share/sounds/alsa").glob("*_*.wav"))]
    unheard = [
        one for name in ("fr_CA_f_June", "ru_RU_f_IvrvoiceRU", "es_MX_f_Allison") for one in prompts(name, chance)
    ]
    return espeak + prompts("en_US_f_Allison", chance), flite + alsa + unheard


def sounds() -> tuple[list[tuple[str, Sound]], list[tuple[str, Sound]]]:
    """Return sounds without speech for fitting and for judging."""
    paths = [
        p for folder in ("A-svanstrom-audio", "A-esc10-ccby", "A-motor-bench") for p in (DATA / folder).rglob("*.flac")
    ]
    halves: tuple[list[tuple[str, Sound]], list[tuple[str, Sound]]] = ([], [])
    for path in sorted(paths):
        kind = path.stem.split("_")[0] if path.parent.name == "flac" else path.parent.name
        halves[zlib.crc32(path.name.encode()) % 2].append((kind, load(path)))
    return halves


def in_band(sound: Sound) -> float:
    hz = np.fft.rfftfreq(len(sound), 1 / 16_000)
    return float((np.abs(np.fft.rfft(sound)) ** 2)[(hz >= 300) & (hz <= 3_400)].sum()) / len(sound) + 1e-12


def active(voice: Sound) -> Sound:
    """Return where an utterance sounds: within 25 dB of its loudest, pauses below 0.2 s counted in."""
    level = np.convolve(voice**2, np.ones(320) / 320, "same")
    loud = level > level.max() * 10**-2.5
    return np.convolve(loud, np.ones(3_200), "same") > 0


def clip(sound: Sound, utterances: list[Sound], snr_db: float, chance: np.random.Generator) -> tuple[Sound, Sound]:
    """Return a mix and where speech sounds in it."""
    made, sounding = sound.copy(), np.zeros(len(sound), dtype=bool)
    at = int(chance.integers(0, 16_000))
    for voice in utterances:
        if at + len(voice) > len(made):
            break
        where = active(voice)
        gain = np.sqrt(in_band(sound[at : at + len(voice)]) / in_band(voice[where]) * 10 ** (snr_db / 10))
        made[at : at + len(voice)] += (gain * voice).astype(np.float32)
        sounding[at : at + len(voice)] |= where
        at += len(voice) + int(chance.integers(8_000, 48_000))
    return made, sounding


def kept(mix: Sound) -> Sound:
    made = np.ones(len(mix), dtype=bool)
    for first, last in speech.marks(mix):
        made[int(first * 16_000) : int(last * 16_000)] = False
    return made


def longest_s(where: Sound) -> float:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], where.astype(int), [0]))))
    return float((edges[1::2] - edges[::2]).max() / 16_000) if len(edges) else 0.0


def fit() -> None:
    chance = np.random.default_rng(0)
    utterances, quiet = voices()[0], sounds()[0]
    rows, labels = [], []
    for index in range(6_000):
        sound = quiet[chance.integers(len(quiet))][1]
        while len(sound) <= speech.LENGTH:
            sound = quiet[chance.integers(len(quiet))][1]
        at = int(chance.integers(len(sound) - speech.LENGTH))
        second = sound[at : at + speech.LENGTH].copy()
        if index % 8 == 0:
            second = pink(chance)
        if index % 2:
            voice = utterances[chance.integers(len(utterances))][1]
            if len(voice) <= speech.LENGTH:
                continue
            at = int(chance.integers(len(voice) - speech.LENGTH))
            part = voice[at : at + speech.LENGTH]
            if active(voice)[at : at + speech.LENGTH].mean() < 0.6:
                continue
            second += part * np.float32(np.sqrt(in_band(second) / in_band(part) * 10 ** (chance.uniform(-0.6, 2.0))))
        rows.append(speech.measures(second))
        labels.append(index % 2)
    regress(np.array(rows), np.array(labels, dtype=float))


def pink(chance: np.random.Generator) -> Sound:
    spectrum = np.fft.rfft(chance.normal(size=speech.LENGTH))
    spectrum /= np.maximum(np.arange(len(spectrum)), 20) ** chance.choice([0.0, 0.5, 1.0])
    sound = np.fft.irfft(spectrum, speech.LENGTH)
    return (0.05 * sound / sound.std()).astype(np.float32)


def regress(rows: np.ndarray, labels: np.ndarray) -> None:
    """Print the weights of a logistic regression (Newton's method, ridge 3), threshold at the 80th percentile."""
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    design = np.c_[np.ones(len(rows)), (rows - mean) / spread]
    weights, ridge = np.zeros(design.shape[1]), np.diag([0.0, *[3.0] * rows.shape[1]])
    for _ in range(25):
        chance = 1.0 / (1.0 + np.exp(-design @ weights))
        hessian = (design * (chance * (1.0 - chance) + 1e-6)[:, None]).T @ design + ridge
        weights += np.linalg.solve(hessian, design.T @ (labels - chance) - ridge @ weights)
    values = design @ weights
    threshold = np.quantile(values[labels == 0], 0.8)
    scaled = weights[1:] / spread
    constant = weights[0] - float(scaled @ mean) - threshold
    print("WEIGHTS =", tuple(float(f"{w:.4g}") for w in scaled))
    print("CONSTANT =", float(f"{constant:.5g}"))


def judge() -> None:
    chance = np.random.default_rng(1)
    utterances, quiet = voices()[1], [(kind, s) for kind, s in sounds()[1] if len(s) >= 80_000]
    print("share of sound kept where nobody speaks:")
    for kind in sorted({kind for kind, _ in quiet}):
        shares = [kept(sound).mean() for name, sound in quiet if name == kind]
        print(f"  {kind:<16} {np.mean(shares):.2f}   ({len(shares)} files)")
    print(f"clips with {LEFT_S} s of speech or more left, of 300; the longest stretch; share of speech left:")
    for snr_db in (20, 10, 5, 0, -3, -6, -10):
        left, parts = [], []
        for _ in range(300):
            _, sound = quiet[chance.integers(len(quiet))]
            few = [utterances[chance.integers(len(utterances))][1] for _ in range(3)]
            mix, sounding = clip(sound[:160_000], few, snr_db, chance)
            left.append(longest_s(sounding & kept(mix)))
            parts.append((sounding & kept(mix)).sum() / max(sounding.sum(), 1))
        many = sum(length >= LEFT_S for length in left)
        print(f"  {snr_db:>4} dB   {many:>3}   {max(left):.1f} s   {np.mean(parts):.4f}")


def main() -> None:
    """Judge the gate, or fit it."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    (fit if "--fit" in sys.argv else judge)()


if __name__ == "__main__":
    main()
