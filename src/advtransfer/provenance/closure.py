"""Which first-party code can a module import, and what does that code say?"""

import ast
import hashlib
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from advtransfer.regular_files import read_json, why_unreadable

# Everything in Python 3.11's grammar that can hide a '#' or a newline: strings; and comments, which can hide
# a quote. The standard tokenizer finds the same ones (there is a test) but several times more slowly, and
# f-strings changed its tokens in Python 3.12.
_LEXEME = re.compile(
    r'#[^\n]*|"""(?:\\.|[^\\])*?"""|'
    + r"'''(?:\\.|[^\\])*?'''"
    + r'|"(?:\\.|[^"\\\n])*"'
    + r"|'(?:\\.|[^'\\\n])*'",
    re.DOTALL,
)
_LINE_START = re.compile(r"^", re.MULTILINE)
_BLANKS = " \t\f"
# Cell magics that run the cell's Python; under any other (%%bash, %%html) the cell is not Python.
_PYTHON_MAGICS = {"%%time", "%%timeit", "%%capture", "%%prun"}

Span = tuple[int, int]


class _Code(NamedTuple):
    hash: str
    imports: tuple[str, ...]


def code_hashes(
    module: str, notebooks: Sequence[Path] = (), named: Sequence[str] = (), *, source: Path
) -> dict[str, str]:
    """Hash of every first-party module that `module` and the cells of `notebooks` can import, transitively.

    `named` are modules that the code imports by a name that it is given, and what these import counts too.

    First-party is what lies under the folder `source`. Imports count wherever they stand (in functions, under
    TYPE_CHECKING), as do parent packages and `import_module("constant")`; what is imported under a computed
    name and not among `named` is not found: the job runner refuses it. Cached for the life of the process. Raises
    ModuleNotFoundError if there is no such module, SyntaxError if some code in the closure cannot be parsed,
    OSError or ValueError for a notebook that cannot be read.
    """
    paths = tuple(Path(path) for path in notebooks)
    return dict(_closure((module, *named), paths, Path(source).resolve()))


def changed_modules(code: Mapping[str, str], source: Path) -> list[str]:
    """The modules of `code` (as `code_hashes` returned it) that no longer read so, or are gone."""
    source = Path(source).resolve()
    return [name for name, known in code.items() if _present_hash(name, source) != known]


def find_module(name: str, source: Path) -> Path | None:
    """The file that `import name` executes if first-party; a package wins over a module of the same name."""
    path = source.joinpath(*name.split("."))
    for candidate in (path / "__init__.py", path.parent / (path.name + ".py")):
        if candidate.is_file():
            return candidate
    return None


def hash_source(text: str) -> str:
    """Hash of Python source, blind to comments, docstrings, blank lines and trailing blanks only."""
    return _hash(text, ast.parse(text))


def forget() -> None:
    """Drop what the process remembers of the code (for tests, and for processes that outlive an edit)."""
    _closure.cache_clear()
    _code.cache_clear()


@cache
def _closure(modules: tuple[str, ...], notebooks: tuple[Path, ...], source: Path) -> dict[str, str]:
    for module in modules:
        if find_module(module, source) is None:
            raise ModuleNotFoundError(f"no module {module} under {source}", name=module)
    todo = [*modules, *(name for path in notebooks for name in _notebook_imports(path, source))]
    found: dict[str, str] = {}
    while todo:
        name = todo.pop()
        if name in found:
            continue
        todo.extend(_parents(name))
        code = _code(name, source)
        if code:
            found[name] = code.hash
            todo.extend(code.imports)
    return dict(sorted(found.items()))


@cache
def _code(name: str, source: Path) -> _Code | None:
    path = find_module(name, source)
    if path is None:
        return None
    text = _read(path)
    tree = ast.parse(text, filename=str(path))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return _Code(_hash(text, tree), tuple(_first_party(_imports(tree, package), source)))


def _present_hash(name: str, source: Path) -> str | None:
    path = find_module(name, source)
    return None if path is None else hash_source(_read(path))


def _read(path: Path) -> str:
    """Text as the compiler reads it: declared encoding, universal newlines."""
    with tokenize.open(path) as file:
        return file.read()


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


# ---- what is imported --------------------------------------------------------------------------------------


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names that the code may import; some name no module (`from module import function`)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            yield from _dynamic_import(node, package)


def _absolute(name: str, package: str) -> str:
    """`..data` in package a.b is a.data."""
    bare = name.lstrip(".")
    level = len(name) - len(bare)
    if not level:
        return bare
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([bare] if bare else [])])


def _dynamic_import(node: ast.Call, package: str) -> Iterator[str]:
    """`import_module("a.b")`, `import_module(".b", "a")`, `__import__("a.b")` with constant names."""
    function = node.func
    called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if called not in ("import_module", "__import__"):
        return
    arguments = [
        *node.args,
        *(keyword.value for keyword in node.keywords if keyword.arg in ("name", "package")),
    ]
    names = [
        value.value for value in arguments if isinstance(value, ast.Constant) and isinstance(value.value, str)
    ]
    if names:
        yield _absolute(names[0], names[1] if len(names) > 1 else package)


def _first_party(names: Iterable[str], source: Path) -> Iterator[str]:
    for name in dict.fromkeys(names):
        parent, _, last = name.rpartition(".")
        if last == "*":
            yield from _submodules(parent, source)
        elif name and find_module(name, source):
            yield name


def _submodules(package: str, source: Path) -> Iterator[str]:
    """What `from package import *` may import: whatever `__all__` could name."""
    folder = source.joinpath(*package.split("."))
    for path in folder.glob("*.py"):
        if path.stem != "__init__":
            yield f"{package}.{path.stem}"
    for path in folder.glob("*/__init__.py"):
        yield f"{package}.{path.parent.name}"


def _notebook_imports(notebook: Path, source: Path) -> Iterator[str]:
    for number, code in enumerate(_cells(notebook)):
        try:
            tree = ast.parse(code)
        except SyntaxError as error:
            raise ValueError(f"{notebook}: code cell {number}, line {error.lineno}: {error.msg}") from error
        yield from _first_party(_imports(tree, ""), source)


def _cells(notebook: Path) -> Iterator[str]:
    """Source of the code cells, without lines meant for IPython."""
    try:
        cells = read_json(notebook)["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except OSError as error:
        raise ValueError(f"{notebook}: {why_unreadable(error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{notebook}: not a notebook: {error}") from error
    for source in sources:
        lines = source.split("\n")
        magic = lines[0].split(" ")[0]
        if not magic.startswith("%%") or magic in _PYTHON_MAGICS:
            yield "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)


# ---- what it says ------------------------------------------------------------------------------------------


def _hash(text: str, tree: ast.Module) -> str:
    return hashlib.sha256(_essence(text, tree).encode()).hexdigest()[:16]


def _essence(text: str, tree: ast.Module) -> str:
    """The source without comments, docstrings, blank lines and trailing blanks outside strings.

    Not the syntax tree: how that prints differs from one Python version to the next.
    """
    lexemes = [match.span() for match in _LEXEME.finditer(text)]
    dropped = _docstrings(text, tree) + [span for span in lexemes if text[span[0]] == "#"]
    pieces, end = [], 0
    for start, stop in sorted(dropped):
        if start >= end:  # else a comment between the parts of a docstring, gone already
            pieces.append(text[end:start])
            end = stop
    pieces.append(text[end:])
    return _squeeze("".join(pieces))


def _squeeze(text: str) -> str:
    """Drop blank lines and trailing blanks outside strings."""
    pieces, end = [], 0
    for match in _LEXEME.finditer(text):
        pieces += [_squeeze_code(text[end : match.start()]), match.group()]
        end = match.end()
    pieces.append(_squeeze_code(text[end:]))
    return "".join(pieces).lstrip("\n").rstrip(_BLANKS + "\n")


def _squeeze_code(code: str) -> str:
    return re.sub(rf"[{_BLANKS}]*\n(?:[{_BLANKS}]*\n)*", "\n", code)


def _docstrings(text: str, tree: ast.Module) -> list[Span]:
    starts = [match.start() for match in _LINE_START.finditer(text)]
    spans = []
    for node in ast.walk(tree):
        if (
            not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            or not node.body
        ):
            continue
        first = node.body[0]
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            spans.append(_span(first.value, text, starts))
    return spans


def _span(node: ast.Constant, text: str, starts: list[int]) -> Span:
    return (
        _offset(text, starts[node.lineno - 1], node.col_offset),
        _offset(text, starts[(node.end_lineno or node.lineno) - 1], node.end_col_offset or 0),
    )


def _offset(text: str, line: int, column: int) -> int:
    """Columns of the syntax tree count UTF-8 bytes."""
    return line + len(text[line : line + column].encode()[:column].decode())
