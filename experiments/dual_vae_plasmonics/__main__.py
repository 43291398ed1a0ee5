from experiments.dual_vae_plasmonics import EXPERIMENT

EXPERIMENT.main()
