from experiments.convergence import EXPERIMENT

EXPERIMENT.main()
