from experiments.material_sweep import EXPERIMENT

EXPERIMENT.main()
