"""Runs one notebook in a kernel of its own: parameters checked before, the result after."""

from pipeline.kernels.execute import ENGINES, Engine, default_engine, execute, ready
from pipeline.kernels.running import stop

__all__ = ["ENGINES", "Engine", "default_engine", "execute", "ready", "stop"]
