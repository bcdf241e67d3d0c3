"""The project's own stage; the toy takes it for a library, whose code is not hashed."""

from advtransfer.stages.index import main

__all__ = ["main"]
