"""Sphinx's settings. `api_pages` and `notebook_pages` write what is not written by hand."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE)]

import api_pages  # noqa: E402
import docstrings  # noqa: E402
import formulas  # noqa: E402
import notebook_pages  # noqa: E402

import autograd  # noqa: E402
import models  # noqa: E402
from autograd.kernels import choose  # noqa: E402

project = "numbagrad"
author = copyright = "The numbagrad developers"
version = release = autograd.__version__

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
default_role = "py:obj"  # `name` in a docstring is a link where there is something of that name
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
html_math_renderer = "mathml"
myst_heading_anchors = 3
nb_execution_mode = "off"  # `python -m autograd docs --run-notebooks` runs them
nb_execution_timeout = 300
nb_execution_raise_on_error = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the parameters' types stand in the docstrings
numpydoc_show_class_members = False
python_use_unqualified_type_names = True
toc_object_entries = False  # they are listed on top of each page; in every menu they cost minutes

html_theme = "furo"
html_title = f"numbagrad {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#b45309", "color-brand-content": "#b45309"},
    "dark_css_variables": {"color-brand-primary": "#fbbf24", "color-brand-content": "#fbbf24"},
}


def write_graph(app, error) -> None:
    """Put the page of LeNet-5's graph, which the tutorial shows, beside the others."""
    if error is None and app.builder.format == "html":
        autograd.manual_seed(0)
        model = models.lenet5()
        page = Path(app.outdir, "lenet5.html")
        with choose.use("plain"):  # nothing here is worth compiling
            answer = model(autograd.randn(1, 1, 32, 32))
            autograd.explore(answer.logsumexp(dim=1).sum(), page, params=model, gradients=True)


def mark(app, what, name, value, options, lines) -> None:
    """Show the formulas of docstrings as they are written, and parameters without links."""
    docstrings.mark_formulas(lines)
    docstrings.mark_parameters(value, lines)


def setup(app) -> None:
    """Write the generated pages before Sphinx looks for pages."""
    api_pages.write(HERE / "reference")
    notebook_pages.write(ROOT / "notebooks", HERE / "notebooks")
    app.add_html_math_renderer("mathml", (formulas.write, None), (formulas.write, None))
    app.connect("build-finished", write_graph)
    app.connect("autodoc-process-docstring", mark, priority=400)  # before numpydoc
