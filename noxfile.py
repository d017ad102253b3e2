#!/usr/bin/env -S uv run --script

# /// script
# dependencies = ["nox>=2025.2.9"]
# ///
"""Tasks by name: ``nox -s lint``, ``tests``, ``docs``; ``nox`` runs lint and tests."""

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"


@nox.session
def lint(session: nox.Session) -> None:
    """All linters, as continuous integration runs them."""
    session.install("-e", ".[test]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("codespell")
    session.run("lint-imports")


@nox.session
def tests(session: nox.Session) -> None:
    """Tests and examples of docstrings; arguments go to pytest."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """The site, with every example of the gallery."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-q", "-W", "docs", "docs/_build/html")
    session.run("python", "docs/check_site.py", "docs/_build/html")


if __name__ == "__main__":
    nox.main()
