from experiments.gradient_latent import EXPERIMENT

EXPERIMENT.main()
