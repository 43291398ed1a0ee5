from experiments.conditional_cards import EXPERIMENT

EXPERIMENT.main()
