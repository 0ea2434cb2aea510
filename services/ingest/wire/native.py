"""What the compiler is told of a class; nothing at all where the package runs as plain Python.

mypyc makes machine code of every module of this package but this one, so that the package
stays on the standard library alone at run time.
"""

from typing import TYPE_CHECKING

__all__ = ["mypyc_attr"]

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**_options: bool):  # noqa: ANN201 - the type checker reads the other branch
        """A decorator that changes nothing.

        `acyclic=True` keeps a compiled class out of the garbage collector's rounds: only for
        values that can never be part of a reference cycle. Decoded sets are held by the ten
        thousand, and going through them took a quarter of the decoder's time.
        """
        return lambda cls: cls
