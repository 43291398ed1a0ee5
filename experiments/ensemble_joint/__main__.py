from experiments.ensemble_joint import EXPERIMENT

EXPERIMENT.main()
