"""Records of arrays are printed in a few short lines."""

import numpy as np

from experiments.datasets.files.records import Axis, Measured


def test_a_record_is_a_line_for_each_field_without_its_arrays():
    axes = (Axis("T", "K", np.array([20, 40])), Axis("V", "V", np.linspace(-1, 1, 300)))
    text = repr(Measured(np.zeros((2, 300)), axes, None, "a.csv", ("n" * 300,)))
    assert text.splitlines()[:3] == [
        "Measured",
        "  values: float64 [2, 300]",
        "  axes: (Axis(name='T', unit='K', values=[20, 40]), Axis(name='V', unit='V', values=float64 [300]))",
    ]
    assert len(text.splitlines()) == 8 and max(map(len, text.splitlines())) <= 120
