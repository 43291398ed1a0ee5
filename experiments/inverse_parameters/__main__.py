from experiments.inverse_parameters import EXPERIMENT

EXPERIMENT.main()
