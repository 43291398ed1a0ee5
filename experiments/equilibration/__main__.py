from experiments.equilibration import EXPERIMENT

EXPERIMENT.main()
