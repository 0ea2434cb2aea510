"""Typed clients of our own services. Whatever goes wrong is an error of `shared.errors`."""
