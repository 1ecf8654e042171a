"""Formulas as MathML, which browsers draw by themselves: the pages load nothing from elsewhere."""

from __future__ import annotations

import html
import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml

# What docutils' converter calls by another name.
SPELLINGS = [
    (re.compile(r"\\([Bb]ig+)(?![a-zA-Z])"), r"\\\1l"),
    (re.compile(r"\\dots(?![a-zA-Z])"), r"\\ldots"),
    (re.compile(r"\\tag\{([^{}]*)\}"), r"\\qquad (\1)"),
]


def mathml(tex: str, block: bool = False) -> str:
    """The formula as MathML; as it is written, if the converter does not know what is in it."""
    for pattern, known in SPELLINGS:
        tex = pattern.sub(known, tex)
    try:
        return tex2mathml(tex, as_block=block)
    except MathError:
        return f"<code>{html.escape(tex)}</code>"


def write(writer, node) -> None:
    """Sphinx's hook: put a formula into the page."""
    writer.body.append(mathml(node.astext(), isinstance(node, nodes.math_block)))
    raise nodes.SkipNode
