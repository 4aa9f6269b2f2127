"""Notebook parameters: assignments in the cell tagged ``parameters``, read without running."""

import ast
import io
import json
import re
import tokenize
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError

from pqkit.domain.payload import read_json
from pqkit.errors import PqkitError
from pqkit.files import read_regular
from pqkit.settings import settings

TAG = "parameters"
TYPES: dict[str, Any] = {"Any": Any, **{kind.__name__: kind for kind in (bool, int, float, str, list, dict)}}


DECRYPT = "decrypt"
"""The parameter that makes a notebook show secrets."""
NO_JOB = "a notebook that is run as a job shows no secrets: run it by hand with decrypt = True"
BY_HAND = "not in a job"
"""Ends the comment beside a parameter that a job may not set, such as the address of a queue."""


MOST_VALUES = 10
MOST_IN_A_JOB = re.compile(r"at most ([\d,]+) in a job$")
"""Ends the comment beside a number, or a list of numbers, that a job may not set higher."""


class BadNotebook(PqkitError, ValueError):
    """A file that is not a notebook."""


class BadParameter(PqkitError, ValueError):
    """A parameter that the notebook does not have, or a value of another type."""


class Parameter(NamedTuple):
    """One parameter; ``type`` is annotated or its default's, ``about`` the comment beside it."""

    name: str
    type: Any
    default: Any
    about: str

    @property
    def words(self) -> str:
        """The type as written in Python."""
        return self.type.__name__ if isinstance(self.type, type) else str(self.type).replace("typing.", "")

    def check(self, value: Any) -> Any:
        """Return ``value`` if it has the type. Raises BadParameter."""
        try:
            return TypeAdapter(self.type, config=ConfigDict(strict=True)).validate_python(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise BadParameter(f"parameter {self.name!r} ({self.words}): {reason}, not {value!r}") from None

    def parse(self, text: str) -> Any:
        """Parse ``text`` as JSON if that has the type, else as a string. Raises BadParameter."""
        try:
            return self.check(read_json(text))
        except ValueError:
            return self.check(text)


def read_cells(path: Path) -> list[dict[str, Any]]:
    """The notebook's stored cells. Raises BadNotebook."""
    try:
        found = json.loads(read_regular(path))
        if found["nbformat"] >= 4:
            return list(found["cells"])
    except OSError as error:
        raise BadNotebook(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise BadNotebook(f"{path} is not a notebook in Jupyter's format 4")


def parameters_of(path: Path) -> dict[str, Parameter]:
    """The notebook's parameters by name; empty if no cell has the tag. Raises BadNotebook."""
    for cell in read_cells(path):
        if cell["cell_type"] == "code" and TAG in cell.get("metadata", {}).get("tags", ()):
            source = "".join(cell["source"])
            try:
                return _assigned(source)
            except (SyntaxError, tokenize.TokenError) as error:
                raise BadNotebook(f"{path.name}: the cell of parameters is not Python: {error}") from None
    return {}


def check(path: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` if the notebook accepts them. Raises BadParameter or BadNotebook."""
    known = parameters_of(path)
    return {name: _known(path, known, name).check(value) for name, value in values.items()}


def shows_secrets(path: Path, values: Mapping[str, Any]) -> bool:
    """True if a value or the default asks for secrets; an unreadable default counts as yes."""
    declared = parameters_of(path).get(DECRYPT)
    return values.get(DECRYPT, False if declared is None else declared.default) is not False


def check_for_job(path: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Like ``check``, for a run as a job.

    Parameters that only a run by hand may set must have the notebook's default or name the project's queue.
    Raises BadParameter or BadNotebook.
    """
    found, known = check(path, values), parameters_of(path)
    for name, value in found.items():
        if known[name].about.endswith(BY_HAND) and value not in (known[name].default, settings().url):
            raise BadParameter(f"parameter {name!r} is not for a job: run the notebook by hand")
        _check_bound(known[name], value)
    return found


def _check_bound(known: Parameter, value: Any) -> None:
    """Raise BadParameter above the bound for jobs, which protects the worker's machine."""
    if (bound := MOST_IN_A_JOB.search(known.about)) is None:
        return
    values = value if isinstance(value, list) else [value]
    if len(values) > MOST_VALUES or any(each > int(bound[1].replace(",", "")) for each in values):
        raise BadParameter(f"parameter {known.name!r} is {bound[0]}: run the notebook by hand for more")


def parse(path: Path, pairs: Sequence[str]) -> dict[str, Any]:
    """Parse and check parameters from strings ``name=value``."""
    known, found = parameters_of(path), dict[str, Any]()
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise BadParameter(f"a parameter is given as name=value, not {pair!r}")
        if name in found:
            raise BadParameter(f"parameter {name!r} is given twice")
        found[name] = _known(path, known, name).parse(text)
    return found


def _known(path: Path, known: Mapping[str, Parameter], name: str) -> Parameter:
    if not known:
        raise BadParameter(f"{path.name} takes no parameters: none of its cells has the tag {TAG!r}")
    if name not in known:
        raise BadParameter(f"{path.name} has no parameter {name!r}; it has {', '.join(known)}")
    return known[name]


def _assigned(source: str) -> dict[str, Parameter]:
    comments = _comments(source)
    found = [_parameter(node, comments.get(node.lineno, "")) for node in ast.parse(source).body]
    return {parameter.name: parameter for parameter in found if parameter}


def _parameter(node: ast.stmt, about: str) -> Parameter | None:
    match node:
        case ast.Assign(targets=[ast.Name(name)], value=value):
            default = _literal(value)
            return Parameter(name, _type_of(default), default, about)
        case ast.AnnAssign(target=ast.Name(name), annotation=annotation, value=ast.expr() as value):
            return Parameter(name, _annotated(annotation), _literal(value), about)
    return None


def _comments(source: str) -> dict[int, str]:
    """The comment at the end of each line that has one."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _literal(value: ast.expr) -> Any:
    try:
        return ast.literal_eval(value)
    except ValueError:  # such as a call: its value is known only when it runs
        return None


def _type_of(default: Any) -> Any:
    return type(default) if type(default) in TYPES.values() else Any


def _annotated(node: ast.expr) -> Any:
    """The type that an annotation names; Any for one that is not supported."""
    match node:
        case ast.Constant(value=None):
            return NoneType
        case ast.Name(name) if name in TYPES:
            return TYPES[name]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _annotated(left) | _annotated(right) if Any not in (_annotated(left), _annotated(right)) else Any
        case ast.Subscript(value=ast.Name("list"), slice=inner):
            return list[_annotated(inner)]  # type: ignore[misc] # a type that is only known now
        case ast.Subscript(value=ast.Name("dict"), slice=ast.Tuple(elts=[key, inner])):
            return dict[_annotated(key), _annotated(inner)]  # type: ignore[misc]
    return Any
