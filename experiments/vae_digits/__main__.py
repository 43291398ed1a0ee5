from experiments.vae_digits import EXPERIMENT

EXPERIMENT.main()
