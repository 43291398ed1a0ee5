from experiments.dkl_trajectories import EXPERIMENT

EXPERIMENT.main()
