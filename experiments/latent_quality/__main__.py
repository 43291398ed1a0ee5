from experiments.latent_quality import EXPERIMENT

EXPERIMENT.main()
