"""The multi-fidelity experiment from its command line to its report, at the smallest size."""

import json

import pytest

from experiments import multifidelity_ferrosim
from experiments.lab.harness import main
from experiments.multifidelity_ferrosim import config


@pytest.mark.slow
def test_smoke_run_saves_a_report_with_equal_costs(tmp_path):
    folder = main(multifidelity_ferrosim.EXPERIMENT, ["--smoke", "--runs", str(tmp_path)])
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["complete"] == 1 and metrics["cost_of_proxy"] == 0.16
    assert metrics["correlation_of_maps"] > 0.8
    assert all(metrics[f"{method}_cost_spent_median"] <= 10 for method in config.METHODS)
    assert (folder / "progress.png").stat().st_size > 10_000


def test_options_that_cannot_be_served_are_refused():
    with pytest.raises(ValueError, match="--budget is 5"):
        multifidelity_ferrosim.Config(budget=5.0)
    with pytest.raises(ValueError, match="--grid-points is 3"):
        multifidelity_ferrosim.Config(grid_points=3)
