from experiments.image_to_spectrum import EXPERIMENT

EXPERIMENT.main()
