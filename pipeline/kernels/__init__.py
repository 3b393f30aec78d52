"""Runs one notebook in a kernel of its own: parameters checked before, the result after."""

from pipeline.kernels.execute import execute

__all__ = ["execute"]
