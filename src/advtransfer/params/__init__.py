"""params.yaml as typed objects: the only place that knows every knob, its unit and its range."""

from advtransfer.params.load import ParamsError, load_params
from advtransfer.params.model import Params

__all__ = ["Params", "ParamsError", "load_params"]
