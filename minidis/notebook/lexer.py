"""Colours for `%%redis` text outside JupyterLab: nbconvert's pages, documentation, a terminal.

`RedisLexer` is registered as the Pygments lexer `redis` (pyproject.toml, `pygments.lexers`); the colours
inside a live cell come from the labextension, which follows the same rules in JavaScript.

>>> from pygments import highlight
>>> from pygments.formatters import RawTokenFormatter
>>> tokens = list(RedisLexer().get_tokens("SET user:$id 'Ann' EX 60 # a minute"))
>>> [(str(kind).removeprefix("Token."), text) for kind, text in tokens if text.strip()][:3]
[('Keyword', 'SET'), ('Text', 'user:'), ('Name.Variable', '$id')]

Read next: language.py, the same language, read to be run.
"""

from __future__ import annotations

from pygments.lexer import RegexLexer, bygroups, default
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    String,
    Text,
    Whitespace,
)

_WORD_END = r"(?=[\s]|$)"


class RedisLexer(RegexLexer):
    """Lines of redis-cli, with comments, Python variables and the magics in front."""

    name = "Redis commands"
    aliases = ["redis", "redis-cli"]
    filenames = ["*.redis"]
    mimetypes = ["text/x-redis"]
    url = "https://redis.io/docs/latest/develop/tools/cli/"
    version_added = ""

    tokens = {
        "root": [
            (r"\n", Whitespace),
            (r"[ \t\r\f\v]+", Whitespace),
            (r"#.*", Comment.Single),
            (r"(%%?redis)\b(.*)", bygroups(Name.Decorator, Comment.Preproc)),
            (r"([+-]?\d+)([ \t]+)(?=[^\s#])", bygroups(Number.Integer, Whitespace)),
            (r"(@\w+)([ \t]+)(?=[^\s#])", bygroups(Name.Namespace, Whitespace)),  # whose line it is
            (r"[^\s\"'$]+", Keyword, "arguments"),
            default("arguments"),
        ],
        "arguments": [
            (r"\\[ \t]*\n", Operator),  # a continued line
            (r"\n", Whitespace, "#pop"),
            (r"[ \t\r\f\v]+", Whitespace),
            (r"(GET)([ \t]+)(#)" + _WORD_END, bygroups(Keyword.Pseudo, Whitespace, Operator)),
            (r"([uiUI]\d+)([ \t]+)(#\d+)" + _WORD_END, bygroups(Name.Builtin, Whitespace, Number.Integer)),
            (r"#.*", Comment.Single),
            (r'"', String.Double, "double"),
            (r"'", String.Single, "single"),
            (r"\$[^\W\d]\w*|\$\{[^}\n]*\}", Name.Variable),
            (r"[+-]?\d+" + _WORD_END, Number.Integer),
            (r"[+-]?(\d+\.\d*|\.?\d+)([eE][+-]?\d+)?" + _WORD_END, Number.Float),
            (r"[(\[]?[+-]?(\d[\w.]*|inf)" + _WORD_END, Number),
            (r"[A-Z][A-Z]+" + _WORD_END, Keyword.Pseudo),  # an option in its usual spelling: NX, EX, BYSCORE
            (r"[^\s\"'$]+", Text),
            (r"\$", Text),
        ],
        "double": [
            (r'[^"\\\n]+', String.Double),
            (r"\\x[0-9a-fA-F]{2}|\\.", String.Escape),
            (r'"', String.Double, "#pop"),
            (r"\\", String.Double),
            default("#pop"),
        ],
        "single": [
            (r"\\'", String.Escape),
            (r"[^'\\\n]+|\\", String.Single),
            (r"'", String.Single, "#pop"),
            default("#pop"),
        ],
    }
