"""One call from images and spectra as they were measured to predictions of one from the other, in the user's units.

``given`` takes what the user has, ``scaling`` brings it to the models' units, ``splitting`` and ``examples`` split and
cut it, ``preparing`` does all of that; ``choosing`` picks settings and training, ``training`` trains, ``judging`` holds
the result against baselines. ``im2spec`` is ``models.fit_im2spec``, ``predicting`` its record, ``dual`` and
``dual_predicting`` are ``models.fit_dual`` and its record; ``loading`` reads any saved fit.
"""

__all__ = [
    "choosing",
    "dual",
    "dual_predicting",
    "examples",
    "given",
    "im2spec",
    "judging",
    "loading",
    "predicting",
    "preparing",
    "scaling",
    "splitting",
    "training",
]
