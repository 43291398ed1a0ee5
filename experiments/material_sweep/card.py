"""A model of what the sweep would cost on a graphics card: not measured, but counted operations over nominal rates.

A card does all campaigns side by side. A time step of all lattices is a few launches one after another, each of which
takes at least the latency, or the time that its bytes need. A fit of a Gaussian process is a chain of evaluations of
the likelihood, whose operations are in double precision.
"""

from typing import NamedTuple

SITE_BYTES = 40  # of a time step of one site: two components read and written, field, defects and their neighbours
LAUNCHES = 2  # of a time step: the mean over the sites, then the step
FIT_LAUNCHES = 60  # of an evaluation of the likelihood with its gradient
FLOPS = 3.0  # n³ of an evaluation of the likelihood with its gradient: factor, inverse and products


class Card(NamedTuple):
    """Nominal rates of a card."""

    name: str
    bytes_per_s: float
    double_flops_per_s: float
    launch_s: float


H200 = Card("H200 (nominal)", 4.8e12, 34e12, 4e-6)


class Work(NamedTuple):
    """Counted work of all campaigns."""

    campaigns: int
    evaluations: int  # of each
    steps: int  # time steps of a simulation
    sites: int
    chained_fits: int  # evaluations of the likelihood of the campaign that needs most
    fits: int  # of all campaigns
    capacity: int  # observations of a Gaussian process

    @property
    def site_updates(self) -> float:
        """Return the site updates of all simulations."""
        return float(self.campaigns) * self.evaluations * self.steps * self.sites


class Seconds(NamedTuple):
    """Modelled seconds of all campaigns."""

    simulation: float
    fits: float


def modelled(work: Work, card: Card = H200) -> Seconds:
    """Return the modelled seconds: whatever takes longer, the launches one after another or all bytes or operations."""
    launches = work.evaluations * work.steps * LAUNCHES * card.launch_s
    traffic = work.site_updates * SITE_BYTES / card.bytes_per_s
    chain = work.chained_fits * FIT_LAUNCHES * card.launch_s
    algebra = work.fits * FLOPS * work.capacity**3 / card.double_flops_per_s
    return Seconds(max(launches, traffic), max(chain, algebra))
