from experiments.gp_tutorial import EXPERIMENT

EXPERIMENT.main()
