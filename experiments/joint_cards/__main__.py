from experiments.joint_cards import EXPERIMENT

EXPERIMENT.main()
