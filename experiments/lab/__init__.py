"""What experiments are made of: options, runs, reports, figures, scores, and where their work runs.

harness       run an experiment from its command line or from Python; ``experiment`` describes it, ``execution`` does it
options       options of every experiment; ``executor`` and ``parallel`` spread work, ``runtime`` starts JAX for them
run           a folder of numbers and labelled arrays; ``environment`` says what they depended on
checkpoints   what long functions of a run returned, on disk (``saved``) until it ends; ``resuming`` goes on with a run
report        one page per run: panels of ``figures.py``, opened by ``summary.html.j2`` of the experiment;
              ``reproducing`` is its command and digest; ``finished`` lists, compares and deletes runs
summaries     quantiles over seeds; ``scores`` of campaigns against a known truth; ``across_runs`` for several runs
training      fits of models side by side, recorded with their losses
designs       orders of candidates; ``grid_search`` is a baseline; ``objectives`` read a table; ``keys`` by name
tables        pages of results and experiments in ``docs``; ``benchmark_tables`` are those of measured costs;
              ``pictures`` of the gallery are taken from runs
plotting      figures of arrays; ``plotting_images``, ``plotting_models``, ``contact_sheet``, ``panels`` of a report
plotting_fits figures of what ``models.fit_vae`` returns; ``plotting_codes``, ``plotting_spectra``
"""

__all__ = [
    "across_runs",
    "benchmark_tables",
    "checkpoints",
    "contact_sheet",
    "designs",
    "environment",
    "execution",
    "executor",
    "experiment",
    "finished",
    "grid_search",
    "harness",
    "keys",
    "objectives",
    "options",
    "panels",
    "parallel",
    "pictures",
    "plotting",
    "plotting_codes",
    "plotting_fits",
    "plotting_images",
    "plotting_models",
    "plotting_spectra",
    "progress",
    "report",
    "reproducing",
    "resuming",
    "run",
    "runtime",
    "saved",
    "scores",
    "summaries",
    "tables",
    "training",
]
