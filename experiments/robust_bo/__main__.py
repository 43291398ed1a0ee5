from experiments.robust_bo import EXPERIMENT

EXPERIMENT.main()
