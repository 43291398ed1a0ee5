from experiments.parameter_bo import EXPERIMENT

EXPERIMENT.main()
