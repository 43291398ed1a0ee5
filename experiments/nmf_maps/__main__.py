from experiments.nmf_maps import EXPERIMENT

EXPERIMENT.main()
