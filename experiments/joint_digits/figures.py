"""Figures and summary of the report on digits with classes unknown or partly known; drawn from saved results alone."""

from experiments.lab.panels import stages
from experiments.lab.report import Panel
from experiments.shared.images import figures
from experiments.shared.images.digit_figures import WRITERS

JOINT, SEMI = ("joint", "joint"), ("semi-supervised", "semi_supervised")
_ROWS = (
    ("share of digits right", "accuracy"),
    ("−ELBO, nats per image", "negative_elbo_nats"),
    ("−ELBO with test-time search", "negative_elbo_searched_nats"),
    ("KL of the continuous latents, nats per image", "kl_nats"),
    ("RMSE of the reconstruction", "rmse"),
)
SUMMARY = (
    figures.size("digits")
    + WRITERS
    + figures.table("Quality", (JOINT, SEMI), _ROWS)
    + figures.table(
        "Without labels, clusters named to fit best, k-means on",
        (("pixels", "pixels"), ("10 principal components", "pca")),
        (("share of digits right", "kmeans_accuracy"),),
    )
    + figures.table(
        "With {{ labels_given }} labels and nothing else",
        (("nearest neighbour", "neighbour"), ("support-vector machine", "svm")),
        (("share of digits right", "accuracy"),),
    )
    + "<p>A joint run is {{ config.starts }} starts, of which the bound on watched digits picks one. Classes found are "
    "searched by decoding all ten.</p>"
)
PANELS = (
    Panel("confusion_joint", "Confusion without labels", "Held-out digits, first seed; classes named to fit best. Over "
          "seeds: " + figures.value("joint_accuracy") + "; k-means on pixels: " + figures.value("pixels_kmeans_accuracy") + ".",
          figures.confusion("joint")),
    Panel("manifolds_joint", "What the classes found hold", "First seed: both latents moved within ±2 in every class, named "
          "after the digit that it fits best.", figures.manifold("joint", found=True)),
    Panel("latents_joint", "Continuous latents without labels", "First seed, in the digits' true colours.",
          figures.latents("joint", "digits", ())),
    Panel("confusion_semi_supervised", "Confusion with a tenth of the labels", "Held-out digits, first seed, from "
          "{{ labels_given }} labels. Over seeds: " + figures.value("semi_supervised_accuracy") + "; support-vector machine on "
          "the same labels: " + figures.value("svm_accuracy") + ".", figures.confusion("semi_supervised")),
    Panel("manifolds_semi_supervised", "One manifold per digit", "Semi-supervised model, first seed: the first two of its {{ config.semi_supervised_latents }} latents within ±2, the others at 0.",
          figures.manifold("semi_supervised")),
    Panel("reconstructions", "Reconstructions", "The first held-out digits, first seed.",
          figures.reconstructions((JOINT, SEMI), "digits")),
    Panel("seeds", "Spread over seeds", "Every seed is a dot, the line is the median.",
          figures.over_seeds((JOINT, SEMI, ("k-means, pixels", "pixels_kmeans"), ("k-means, PCA", "pca_kmeans"),
                          ("1 neighbour, a tenth of labels", "neighbour"), ("SVM, a tenth of labels", "svm")),
                         (("share of digits right", "accuracy"), ("−ELBO (nats per image)", "negative_elbo_nats")))),
    Panel("history_joint", "Training without labels", "Terms of the bound of the first start. The content's divergence "
          "is held to a capacity, none in the first third, so that classes explain what they can, and {{ config.capacity_nats }} nats at the end.", figures.history("joint")),
    Panel("history_semi_supervised", "Training with a tenth of the labels", "First seed.", figures.history("semi_supervised")),
    Panel("stages", "Run time", "Wall and processor time of each stage, compilation included.", stages),
)  # fmt: skip
