from experiments.joint_digits import EXPERIMENT

EXPERIMENT.main()
