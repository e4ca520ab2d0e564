"""Long transforms against numpy's in double precision, and the peaks of blocks against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from skysentry.sensing.rf.droneid_kernels import block_peaks
from skysentry.sensing.rf.droneid_transform import HELD, back, transformed


@pytest.mark.parametrize("size", [1024, HELD, 2 * HELD, 4 * HELD, 150_000, 150_001, 4 * 42_875])
def test_a_transform_of_any_size(size: int) -> None:
    rng = np.random.default_rng(size)
    samples = rng.normal(size=(size, 2)).astype(np.float32).view(np.complex64)[:, 0]
    exact = np.fft.fft(samples.astype(np.complex128))
    made = transformed(samples)
    assert made.dtype == np.complex64
    # Single precision, errors growing with the logarithm of the size.
    assert np.abs(made - exact).max() < 1e-6 * np.log2(size) * np.sqrt(2.0 * size)
    assert np.abs(back(made) - samples).max() < 1e-5


def test_each_frequency_comes_where_it_belongs() -> None:
    size = 2 * HELD
    for bin_ in (0, 1, size // 4 + 3, size // 2, size - 1):
        tone = np.exp(2j * np.pi * bin_ / size * np.arange(size)).astype(np.complex64)
        assert int(np.abs(transformed(tone)).argmax()) == bin_


def test_peaks_of_blocks() -> None:
    rng = np.random.default_rng(1)
    samples = rng.normal(size=(5_000, 2)).astype(np.float32).view(np.complex64)[:, 0]
    best, most, means = np.empty(4, np.int64), np.empty(4), np.empty(4)
    block_peaks(samples, 1_024, best, most, means)
    power = (np.abs(samples[: 4 * 1_024].astype(np.complex128)) ** 2).reshape(4, -1)
    assert best.tolist() == power.argmax(axis=1).tolist()
    assert most == pytest.approx(power.max(axis=1), rel=1e-5)
    assert means == pytest.approx(power.mean(axis=1), rel=1e-5)
