from experiments.conditional_digits import EXPERIMENT

EXPERIMENT.main()
