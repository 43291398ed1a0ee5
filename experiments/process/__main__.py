from experiments.process import main

main()
