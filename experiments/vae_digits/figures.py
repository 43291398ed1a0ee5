"""Figures of the report on the VAE of digits, drawn from saved results alone."""

from experiments.lab.panels import RUN_TIME
from experiments.lab.report import Panel
from experiments.shared.images import figures

# Pairs of words and names: variants, and the scores of the summary's table (summary.html.j2 reads both).
VARIANTS = (("VAE, 2 latents", "vae"), ("PCA, 2 components", "pca"), ("all pixels", "pixels"))
ROWS = (
    ("−ELBO, nats per image", "negative_elbo_nats"),
    ("−log p(x | z), nats per image", "reconstruction_nats"),
    ("KL(q(z | x) ‖ prior), nats per image", "kl_nats"),
    ("RMSE of the reconstruction", "rmse"),
    ("class from the 10 nearest neighbours, share right", "neighbour_accuracy"),
    ("k-means, share right", "kmeans_accuracy"),
)
OVER_SEEDS = (
    ("−ELBO (nats per image)", "negative_elbo_nats"),
    ("RMSE", "rmse"),
    ("class from neighbours", "neighbour_accuracy"),
    ("k-means accuracy", "kmeans_accuracy"),
)

# To change: one panel for each figure. It has a name (of its file), a title, a caption and a function
# draw(results, metrics) -> Figure. Captions can show every number of metrics.json: {{ chance | number }} is one of
# them; {{ spread("vae_rmse") }} is the median, smallest and largest of a score. A name that was not recorded stops the
# report, because it must not show what was not computed.
PANELS = (
    Panel(
        "latents",
        "Where the images are",
        "Held-out images in the two latents, first seed.{% if vae_neighbour_accuracy_median is defined %} The class is "
        "known from the ten nearest neighbours with probability {{ spread('vae_neighbour_accuracy') }}; guessing has "
        "{{ chance | number }}.{% endif %}",
        figures.latents("vae", "digits", ()),
    ),
    Panel(
        "latents_pca",
        "The same by PCA",
        "Two principal components, in units of their standard deviations."
        "{% if pca_neighbour_accuracy_median is defined %} Neighbours: {{ pca_neighbour_accuracy_median | number }}."
        "{% endif %}",
        figures.latents("pca", "digits", ()),
    ),
    Panel(
        "manifold",
        "Decoded latent grids",
        "Equal steps of both latents within ±2, decoded: the VAE's first seed, and PCA, which adds two pictures to the "
        "mean image (clipped to the range of the data).",
        figures.manifolds_of(VARIANTS[:2]),
    ),
    Panel(
        "reconstructions",
        "Reconstructions",
        "The first held-out images, first seed. RMSE: VAE {{ spread('vae_rmse') }}, PCA {{ pca_rmse_median | number }}.",
        figures.reconstructions(VARIANTS[:2], "digits"),
    ),
    Panel(
        "seeds",
        "Spread over seeds",
        "Every seed is a dot, the line is the median.",
        figures.over_seeds(VARIANTS, OVER_SEEDS),
    ),
    Panel("history", "Training", "Terms of the bound, first seed.", figures.history("vae")),
    RUN_TIME,
)
