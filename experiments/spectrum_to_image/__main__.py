from experiments.spectrum_to_image import EXPERIMENT

EXPERIMENT.main()
