"""Tracing: a run of Python code → graphs."""

from .api import trace, trace_module
from .recording import Recording, record, record_methods
from .state import is_tracing

__all__ = ["Recording", "is_tracing", "record", "record_methods", "trace", "trace_module"]
