"""A page of the explorer in headless Chromium, for tests that look at it as a user does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.explorer.chromium import Page, browser, program

needs_chromium = pytest.mark.skipif(program() is None, reason="Chromium, which shows the page, is not installed")
DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
WIDTHS = "[document.documentElement.scrollWidth, innerWidth]"
# the share of the pixels of each canvas that is painted
PAINTED = """Object.fromEntries([...document.querySelectorAll("canvas")].filter((c) => c.offsetParent).map((c) => {
  const copy = new OffscreenCanvas(c.width, c.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(c, 0, 0);
  const pixels = copy.getImageData(0, 0, c.width, c.height).data;
  return [c.id, pixels.filter((v, i) => i % 4 === 3 && v > 0).length / (c.width * c.height)];
}))"""


@contextmanager
def opened(file: Path) -> Iterator[Page]:
    """Open a page at 1280 × 800, drawn; at its end nothing may have left it, and its console must be empty."""
    with browser() as page:
        page.open(file, 1280, 800)
        page.run(DRAWN)
        yield page
        assert page.requests() == [file.resolve().as_uri()], page.requests()
        assert not page.complaints(), page.complaints()


def place_on(page: Page, name: str, across: float, down: float) -> tuple[float, float]:
    """Return the place of the window at these shares of an element's width and height."""
    box = page.run(
        f"(({{left, top, width, height}}) => [left, top, width, height])(element('{name}').getBoundingClientRect())"
    )
    return box[0] + across * box[2], box[1] + down * box[3]


def turn(page: Page, name: str, value: object) -> None:
    """Set a control and let the page draw."""
    page.run(f"element('{name}').value = {value!r}; element('{name}').dispatchEvent(new Event('input')); {DRAWN}")
