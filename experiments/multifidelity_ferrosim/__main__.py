from experiments.multifidelity_ferrosim import EXPERIMENT

EXPERIMENT.main()
