from experiments.invariant_cards import EXPERIMENT

EXPERIMENT.main()
