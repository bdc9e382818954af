"""What compiled code can call: operators of PyTorch's dispatcher, and the language's own."""

from .dispatcher import is_operator, overload_of, schema_of, schemas_of
from .language import Builtin, builtin_of, language_schemas_of
from .python_calls import CallStyle, PythonCall, python_callable_of
from .resolve import TENSOR_CASTS, operator_name_of, operator_schemas_of, tensor_method

__all__ = [
    "TENSOR_CASTS",
    "Builtin",
    "CallStyle",
    "PythonCall",
    "builtin_of",
    "is_operator",
    "language_schemas_of",
    "operator_name_of",
    "operator_schemas_of",
    "overload_of",
    "python_callable_of",
    "schema_of",
    "schemas_of",
    "tensor_method",
]
