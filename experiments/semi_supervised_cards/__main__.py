from experiments.semi_supervised_cards import EXPERIMENT

EXPERIMENT.main()
