"""Settings of the site: Sphinx, the pydata theme, pages in Markdown, notebooks as Python scripts (``make docs``)."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import site_notebooks  # noqa: E402  (beside this file, as is the next)
import site_pages  # noqa: E402

from ferro_jax import before_xla  # noqa: E402

before_xla.prepare()

project = "ferro-jax"
author = "ferro-jax contributors"
copyright = f"{author}, MIT licence"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_copybutton", "sphinx_design"]
exclude_patterns = ["_build", "README.md", "guide/README.md", "site_*.py", "conf.py", "**/.ipynb_checkpoints"]
suppress_warnings = ["myst.header"]  # sharp_bits has small headings below its title

# Notebooks are percent scripts. site_notebooks.py has run them; what it has not, is run here. A cell that fails, fails
# the build.
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = site_notebooks.MODE
nb_execution_cache_path = str(site_notebooks.CACHE)
nb_execution_timeout = site_notebooks.SECONDS
nb_execution_raise_on_error = True
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

html_theme = "pydata_sphinx_theme"
html_title = "ferro-jax"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "navbar_align": "left",
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 8,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}
html_show_sourcelink = False
# pages without sections have no list of them at their side
html_sidebars = {page: [] for page in ("index", "start", "_generated/gallery", "genindex", "py-modindex", "search")}


def setup(app):
    """Write the generated pages, and read our docstrings and links as they are written."""
    site_pages.write(HERE)
    app.connect("source-read", site_pages.links_within_the_site)
    app.connect("autodoc-process-docstring", site_pages.plain_docstring)
