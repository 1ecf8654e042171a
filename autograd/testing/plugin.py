"""The pytest plugin: a `certify` fixture, and how many examples it tries.

    def test_my_op(certify):
        certify(my_op, kind="unary", reference=numpy_function)

``pytest --autograd-examples 200`` looks longer than hypothesis' profile says. Nothing is imported
before a test asks for the fixture.
"""

from __future__ import annotations

import functools

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``--autograd-examples``."""
    parser.getgroup("autograd").addoption(
        "--autograd-examples",
        type=int,
        default=None,
        metavar="N",
        help="cases that the fixture certify tries (default: as hypothesis' profile says)",
    )


@pytest.fixture
def certify(request: pytest.FixtureRequest):
    """`autograd.testing.certify`, trying as many examples as the command line says."""
    from autograd.testing import certify

    examples = request.config.getoption("--autograd-examples")
    return functools.partial(certify, examples=examples)
