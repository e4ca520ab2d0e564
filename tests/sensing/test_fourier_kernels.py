"""Compiled transforms against numpy's in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from skysentry.sensing.rf.fourier_kernels import transform, turns


@pytest.mark.parametrize("size", [512, 1_024, 8_192, 16_384, 32_768])
def test_a_transform_there_and_back(size: int) -> None:
    rng = np.random.default_rng(size)
    real, imag = rng.normal(size=(2, size)).astype(np.float32)
    exact = np.fft.fft(real.astype(float) + 1j * imag)
    made = transform(real.copy(), imag.copy(), np.empty_like(real), np.empty_like(real), turns(size))
    # Single precision, errors growing with the logarithm of the size.
    assert np.abs(made[0] + 1j * made[1] - exact).max() < 1e-6 * np.log2(size) * np.sqrt(2.0 * size)
    free = np.empty((2, size), np.float32)
    imag_back, real_back = transform(made[1].copy(), made[0].copy(), free[0], free[1], turns(size))
    assert np.abs(real_back / size - real).max() < 1e-5
    assert np.abs(imag_back / size - imag).max() < 1e-5


def test_each_frequency_comes_where_it_belongs() -> None:
    size = 8_192
    for bin_ in (0, 1, size // 4 + 3, size // 2, size - 1):
        tone = np.exp(2j * np.pi * bin_ / size * np.arange(size))
        real, imag = tone.real.astype(np.float32), tone.imag.astype(np.float32)
        made = transform(real, imag, np.empty_like(real), np.empty_like(real), turns(size))
        assert int(np.hypot(*made).argmax()) == bin_
