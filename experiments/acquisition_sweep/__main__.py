from experiments.acquisition_sweep import EXPERIMENT

EXPERIMENT.main()
