"""The documents' site: how Sphinx reads the pages, `make docs` builds it.

The pages are Markdown that is read in the repository, too; the links between them are those of
files. So Sphinx's source folder is the whole project. What the site adds is in `extensions`:
the order of pages, pictures, files of the code that pages link to, and docstrings.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import django
import django.conf

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT)]

# Django's own backend cannot be imported without settings.
django.conf.settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"]
)
django.setup()

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = _PROJECT["name"]
author = "The ualauth developers"
copyright = author  # noqa: A001 - Sphinx calls it so
version = release = _PROJECT["version"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "extensions.reading_order",
    "extensions.pictures",
    "extensions.code_files",
    "extensions.docstrings",
    "extensions.offline",
]
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "docs/**/*.md", "examples/own_module/README.md"]
exclude_patterns = [".*", "build", "dist", "demo", "tests", "ualauth", "stacks", "docs/site"]
suppress_warnings = [
    # One class has a name in `ualauth` and one in the module that it comes from: either will do.
    "ref.python",
]

# Headings have the anchors that the repository's browser gives them.
myst_heading_anchors = 4
myst_links_external_new_tab = False

default_role = "py:obj"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_use_type_comments = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90
add_module_names = False
toc_object_entries = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"ualauth {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
# Search shows the text around what it found.
html_copy_source = True
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0b5c8a",
        "color-brand-content": "#0b5c8a",
        "color-brand-visited": "#6b3fa0",
    },
    "dark_css_variables": {
        "color-brand-primary": "#6cb6e0",
        "color-brand-content": "#6cb6e0",
        "color-brand-visited": "#b79ce0",
    },
}
pygments_style = "tango"
pygments_dark_style = "monokai"
html_additional_pages = {"index": "to_the_start.html"}
templates_path = ["templates"]
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
