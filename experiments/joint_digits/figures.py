"""Figures of the report on digits with classes unknown or partly known, drawn from saved results alone."""

from experiments.lab.panels import RUN_TIME
from experiments.lab.report import Panel
from experiments.shared.images import figures

JOINT, SEMI = ("joint", "joint"), ("semi-supervised", "semi_supervised")
ROWS = (
    ("share of images right", "accuracy"),
    ("−ELBO, nats per image", "negative_elbo_nats"),
    ("−ELBO with test-time search", "negative_elbo_searched_nats"),
    ("KL of the continuous latents, nats per image", "kl_nats"),
    ("RMSE of the reconstruction", "rmse"),
)
ALL_METHODS = (
    JOINT,
    SEMI,
    ("k-means, pixels", "pixels_kmeans"),
    ("k-means, PCA", "pca_kmeans"),
    ("1 neighbour, few labels", "neighbour"),
    ("SVM, few labels", "svm"),
)
PANELS = (
    Panel(
        "confusion_joint",
        "Confusion without labels",
        "Held-out images, first seed; classes named to fit best. Over seeds: {{ spread('joint_accuracy') }}; k-means on "
        "pixels: {{ spread('pixels_kmeans_accuracy') }}.",
        figures.confusion("joint"),
        needs=("joint_confusion",),
    ),
    Panel(
        "manifolds_joint",
        "What the discovered classes hold",
        "First seed: both latents within ±2 in every class, named after the true class that it fits best, where that is known.",
        figures.manifold("joint", discovered=True),
    ),
    Panel(
        "latents_joint",
        "Continuous latents without labels",
        "First seed, in the colours of the true classes where they are known.",
        figures.latents("joint", "digits", ()),
    ),
    Panel(
        "confusion_semi_supervised",
        "Confusion with a few labels",
        "Held-out images, first seed, from {{ labels_given }} labels. Over seeds: "
        "{{ spread('semi_supervised_accuracy') }}; support-vector machine on the same labels: "
        "{{ spread('svm_accuracy') }}.",
        figures.confusion("semi_supervised"),
        needs=("semi_supervised_confusion",),
    ),
    Panel(
        "manifolds_semi_supervised",
        "One manifold per class",
        "Semi-supervised model, first seed: the first two of its {{ config.semi_supervised_latents }} latents within "
        "±2, the others at 0.",
        figures.manifold("semi_supervised"),
        needs=("semi_supervised_manifold",),
    ),
    Panel(
        "reconstructions",
        "Reconstructions",
        "The first held-out images, first seed.",
        figures.reconstructions((JOINT, SEMI), "digits"),
    ),
    Panel(
        "seeds",
        "Spread over seeds",
        "Every seed is a dot, the line is the median.",
        figures.over_seeds(
            ALL_METHODS, (("share of images right", "accuracy"), ("−ELBO (nats per image)", "negative_elbo_nats"))
        ),
    ),
    Panel(
        "history_joint",
        "Training without labels",
        "Terms of the bound of the first start. The content's divergence is held to a capacity: none in the first "
        "third, so that classes explain what they can, and {{ config.capacity_nats }} nats at the end.",
        figures.history("joint"),
    ),
    Panel(
        "history_semi_supervised",
        "Training with a few labels",
        "First seed.",
        figures.history("semi_supervised"),
        needs=("semi_supervised_z",),
    ),
    RUN_TIME,
)
