from experiments.latent_bo import EXPERIMENT

EXPERIMENT.main()
