from experiments.inside_support import EXPERIMENT

EXPERIMENT.main()
