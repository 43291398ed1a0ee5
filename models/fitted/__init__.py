"""One call from a stack of measured images or curves to codes and back, ``models.fit_vae``, over the pure functions.

``models.stacks`` takes what the user has, ``scaling`` brings it to the model's units and back, ``labels`` numbers
classes, ``choosing`` picks recipe and training, ``fitting`` trains, ``coding`` encodes and decodes, ``folder`` keeps it
on disk.
"""

__all__ = [
    "choosing",
    "coding",
    "fitting",
    "folder",
    "labels",
    "progress",
    "records",
    "reporting",
    "result",
    "scaling",
    "starts",
    "untold",
]
