from experiments.ferrosim_microstates import EXPERIMENT

EXPERIMENT.main()
