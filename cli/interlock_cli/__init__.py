"""The ``interlock`` command. It knows the platform by HTTP only."""

__version__ = "0.1.0"
