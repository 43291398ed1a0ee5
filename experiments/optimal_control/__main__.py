from experiments.optimal_control import EXPERIMENT

EXPERIMENT.main()
