from experiments.annealing import EXPERIMENT

EXPERIMENT.main()
