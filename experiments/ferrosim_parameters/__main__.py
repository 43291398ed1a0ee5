from experiments.ferrosim_parameters import EXPERIMENT

EXPERIMENT.main()
