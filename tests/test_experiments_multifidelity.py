"""The multi-fidelity experiment from its command line to its report, at the smallest size."""

import pytest

from experiments import multifidelity_ferrosim
from experiments.multifidelity_ferrosim import config
from helpers import finished_runs


@pytest.mark.slow
def test_smoke_run_saves_a_report_with_equal_costs(tmp_path):
    folder, _, metrics = finished_runs.checked("multifidelity_ferrosim", tmp_path)
    assert metrics["complete"] == 1 and metrics["cost_of_proxy"] == 0.16
    assert metrics["correlation_of_maps"] > 0.8
    assert all(metrics[f"{method}_cost_spent_median"] <= 10 for method in config.METHODS)
    assert (folder / "progress.png").stat().st_size > 10_000


def test_options_that_cannot_be_served_are_refused():
    with pytest.raises(ValueError, match="--budget is 5"):
        multifidelity_ferrosim.Config(budget=5.0)
    with pytest.raises(ValueError, match="--grid-points is 3"):
        multifidelity_ferrosim.Config(grid_points=3)
