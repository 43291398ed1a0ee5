from experiments.steel import EXPERIMENT

EXPERIMENT.main()
