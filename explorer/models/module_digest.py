"""A hash of what a module computes: weights, attributes, and the code of its classes and functions.

Two modules with one hash compute the same, as far as Python shows what they are made of. What it
does not show (an open file, a generator, an object that cannot be pickled) makes the hash unlike
every other, so that nothing is mistaken for it.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import secrets
import sys
from collections.abc import Iterable, Iterator, Sequence
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MethodType,
    ModuleType,
)

import numpy as np
import torch
from torch import Tensor, nn

from explorer.models.library_code import is_library_file

_PLAIN = (int, float, complex, str, bytes, bool, type(None), type(Ellipsis), torch.dtype)
_ELSEWHERE = ("_parameters", "_buffers", "_modules", "training")
"""Attributes of a module that are hashed by themselves, and one that a Network sets."""

_OF_EVERY_MODULE = frozenset(vars(nn.Module()))
_OF_EVERY_CLASS = ("__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "_abc_impl")
_HEAP_TYPE = 1 << 9
"""Set in the flags of a class that was made while Python ran, so of all that are written in it."""

_GLOBAL_READS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")


def module_digest(module: nn.Module, settings: str) -> str:
    """SHA-256, hexadecimal, of a module and a text.

    It is made of the tensors, the plain attributes and hooks of each part, the bytecode of the
    classes and functions that are no library's, and the globals, defaults and closures that these
    use. Of libraries (installed packages, Python's own) only the names count: their versions are
    taken to stay. What code reads while it runs (files, the environment) is not seen.
    """
    content = _Content(module)
    content.write(settings)
    for name, part in module.named_modules(remove_duplicate=False):
        content.write(name)
        content.value(type(part))
        content.attributes(part)
    for kind, tensors in (("weights", module.named_parameters), ("buffers", module.named_buffers)):
        content.write(kind)  # buffers that are not saved, too
        for name, tensor in tensors(remove_duplicate=False):
            content.write(name)
            content.tensor(tensor)
    return content.hash.hexdigest()


class _Content:
    """Feeds values to a hash; each object once, then by its number, so that cycles end."""

    def __init__(self, module: nn.Module) -> None:
        self.hash = hashlib.sha256()
        self._seen: dict[int, tuple[int, object]] = {}  # the objects, so that no id is used twice
        for part in module.modules():
            self._is_new(part)

    def write(self, text: str) -> None:
        """A text, with its length, so that none runs into the next."""
        data = text.encode("utf-8", "surrogatepass")
        self.hash.update(f"{len(data)}:".encode())
        self.hash.update(data)

    def attributes(self, part: nn.Module) -> None:
        """What a module keeps besides its tensors and parts."""
        for name, value in sorted(vars(part).items()):
            if name in _ELSEWHERE:
                continue
            if name in _OF_EVERY_MODULE:
                if not value:
                    continue
                if isinstance(value, dict):  # of hooks, whose keys count up in a process
                    value = list(value.values())
            self.write(name)
            self.value(value)

    def value(self, value: object) -> None:
        """Any value; one that cannot be told from another is written as a random number."""
        try:
            self._value(value)
        except Exception:  # whatever another's __reduce_ex__ raises, and recursion too deep
            self.write(f"unknown {secrets.token_hex()}")

    def tensor(self, tensor: Tensor) -> None:
        """Shape, kind and bytes of a tensor."""
        if tensor.layout != torch.strided or tensor.is_meta or tensor.is_quantized:
            raise TypeError("a tensor whose bytes are not at hand")
        self.write(f"tensor {tuple(tensor.shape)} {tensor.dtype}")
        plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
        self.hash.update(plain.reshape(-1).view(torch.uint8).numpy().data)

    def _is_new(self, value: object) -> bool:
        if id(value) in self._seen:
            self.write(f"seen {self._seen[id(value)][0]}")
            return False
        self._seen[id(value)] = len(self._seen), value
        return True

    def _value(self, value: object) -> None:
        kind = type(value)
        if kind in _PLAIN:
            self.write(f"{kind.__name__} {value!r}")
            return
        self.write(f"{kind.__module__}.{kind.__qualname__}")
        if kind is tuple:
            self._all(value)  # type: ignore[arg-type]  # a tuple
        elif not self._is_new(value):
            return
        elif isinstance(value, Tensor):
            self.tensor(value)
        elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
            self.write(f"{value.shape} {value.dtype}")
            self.hash.update(np.ascontiguousarray(value).tobytes())
        elif isinstance(value, CodeType):
            self._code(value)
        elif isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, ModuleType):
            self.write(value.__name__)
        elif isinstance(value, MethodType):
            self._all([value.__func__, value.__self__])
        elif isinstance(value, BuiltinFunctionType):
            self._builtin(value)
        elif isinstance(value, staticmethod | classmethod):
            self.value(value.__func__)
        elif isinstance(value, property):
            self._all([value.fget, value.fset, value.fdel])
        elif isinstance(value, functools.partial):
            self._all([value.func, value.args, value.keywords])
        elif kind is list:
            self._all(value)  # type: ignore[arg-type]  # a list
        elif kind in (set, frozenset):
            self._all(sorted(value, key=repr))  # type: ignore[call-overload]  # likewise
        elif kind in (dict, MappingProxyType):
            items = value.items()  # type: ignore[attr-defined]  # one of these two
            self._all(each for item in items for each in item)
        else:
            self._reduced(value)

    def _all(self, values: Iterable[object]) -> None:
        listed = list(values)
        self.write(str(len(listed)))
        for value in listed:
            self.value(value)

    def _reduced(self, value: object) -> None:
        """Any other object by its class and all that pickle would keep of it."""
        reduced = value.__reduce_ex__(4)
        if isinstance(reduced, str):
            self.write(reduced)
            self.value(getattr(value, "__dict__", None))  # such as what lru_cache wraps
            return
        self.value(type(value))
        make, arguments, state, items, pairs, *_ = (*reduced, None, None, None)
        self._all([make, arguments, state, list(items or ()), list(pairs or ())])

    def _builtin(self, function: BuiltinFunctionType) -> None:
        self.write(function.__qualname__)
        owner = function.__self__
        if not isinstance(owner, ModuleType | type(None)):
            self.value(owner)

    def _code(self, code: CodeType) -> None:
        self.write(code.co_code.hex())
        self.write(code.co_exceptiontable.hex())
        self.write(
            f"{code.co_argcount} {code.co_posonlyargcount} {code.co_kwonlyargcount} {code.co_flags}"
        )
        self._all([code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars])
        self._all(code.co_consts)

    def _function(self, function: FunctionType) -> None:
        """A library's by its name, any other by its code and all that it uses."""
        self.write(f"{function.__module__}.{function.__qualname__}")
        cells = function.__closure__ or ()
        self._all([function.__defaults__, function.__kwdefaults__, vars(function)])
        self._all(_content(cell) for cell in cells)
        code = function.__code__
        if is_library_file(code.co_filename):
            return
        self._code(code)
        for each in _with_inner(code):
            for instruction in dis.get_instructions(each):
                name = str(instruction.argval)
                if instruction.opname in _GLOBAL_READS and name in function.__globals__:
                    self._used(name, function.__globals__[name], each.co_names)
                elif instruction.opname == "IMPORT_NAME" and name in sys.modules:
                    self._used(name, sys.modules[name], each.co_names)

    def _used(self, name: str, value: object, names: Sequence[str]) -> None:
        """A global that code uses; of a module of the user's own, what these names are in it."""
        self.write(name)
        self.value(value)
        if isinstance(value, ModuleType) and not _is_library(value):
            rest = [each for each in names if each != name]
            for each in rest:
                if each in vars(value):
                    self._used(each, vars(value)[each], rest)

    def _class(self, kind: type) -> None:
        """A library's class by its name, any other by its code; what was put into it, always."""
        for each in kind.__mro__:
            self.write(f"{each.__module__}.{each.__qualname__}")
            library = _is_library_class(each)
            for name, value in sorted(vars(each).items()):
                function = getattr(value, "__func__", value)
                own = isinstance(function, FunctionType) and not is_library_file(
                    function.__code__.co_filename
                )
                if own or not (library or name in _OF_EVERY_CLASS):
                    self.write(name)
                    self.value(value)


def _is_library(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return module.__name__ in sys.builtin_module_names if file is None else is_library_file(file)


def _is_library_class(kind: type) -> bool:
    """Whether this is the very class that a library has under this name."""
    if not kind.__flags__ & _HEAP_TYPE:
        return True
    module = sys.modules.get(kind.__module__)
    found: object = module
    for name in kind.__qualname__.split("."):
        found = getattr(found, name, None)
    return module is not None and found is kind and _is_library(module)


def _content(cell: object) -> object:
    try:
        return cell.cell_contents  # type: ignore[attr-defined]  # of types.CellType
    except ValueError:  # not filled yet
        return None


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    """The code, and that of functions and classes inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)
