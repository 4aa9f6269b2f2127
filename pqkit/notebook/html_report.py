"""An executed notebook as one self-contained HTML file, which loads nothing from elsewhere."""

import warnings
from typing import Any

from pqkit.notebook.recorded_values import MIME
from pqkit.redaction.redact import public, redact
from pqkit.redaction.redact_texts import without_passwords

PICTURES = ("image/", "video/", "audio/")


def as_html(text: str) -> str:
    """Convert a notebook's stored text to HTML that contains its charts, scripts and styles."""
    import nbformat  # noqa: PLC0415 - with the extra, and slow to load
    from nbconvert import HTMLExporter  # noqa: PLC0415

    nowhere = dict.fromkeys(
        (
            "require_js_url",
            "mathjax_url",
            "mermaid_js_url",
            "mermaid_layout_elk_js_url",
            "jquery_url",
            "jupyter_widgets_base_url",
        ),
        "",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about outputs that HTML cannot show
        body, _ = HTMLExporter(**nowhere).from_notebook_node(nbformat.reads(text, as_version=4))
    return str(body)


def public_notebook(notebook: dict[str, Any]) -> dict[str, Any]:
    """Redact a stored notebook (format 4): sources, printed text, errors and displayed data."""
    for cell in notebook["cells"]:
        cell["source"] = _text(cell["source"])
        for output in cell.get("outputs", ()):
            _clean(output)
    parameters = notebook.get("metadata", {}).get("papermill", {})
    notebook["metadata"] = {**notebook.get("metadata", {}), **({"papermill": public(parameters)} if parameters else {})}
    return notebook


def _clean(output: dict[str, Any]) -> None:
    for part in ("text", "evalue", "traceback"):
        if part in output:
            output[part] = [_text(line) for line in output[part]] if part == "traceback" else _text(output[part])
    for kind, data in output.get("data", {}).items():
        if not kind.startswith(PICTURES):
            output["data"][kind] = _shown(kind, data)


def _shown(kind: str, data: Any) -> Any:
    """Redact displayed data; scripts must still run and lose only passwords in addresses."""
    if kind == MIME:
        return public(data)
    is_text = isinstance(data, (str, list)) and all(isinstance(part, str) for part in data)
    if not is_text:
        return data
    text = "".join(data)
    runs = "javascript" in kind or "<script" in text[:100_000].lower() or "vnd." in kind
    return without_passwords(text) if runs else redact(text)


def _text(source: str | list[str]) -> str:
    return redact("".join(source))
