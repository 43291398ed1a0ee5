from experiments.switching_loops import EXPERIMENT

EXPERIMENT.main()
