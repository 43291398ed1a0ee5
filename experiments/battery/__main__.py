from experiments.battery import EXPERIMENT

EXPERIMENT.main()
