from experiments.dkl_cards import EXPERIMENT

EXPERIMENT.main()
