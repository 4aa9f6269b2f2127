"""An executed notebook as one HTML file that asks nobody for anything."""

import warnings


def as_html(text: str) -> str:
    """The page of a notebook (its stored text): charts are in it, and no script or style comes from elsewhere."""
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
        warnings.simplefilter("ignore")  # about outputs that no page can show
        body, _ = HTMLExporter(**nowhere).from_notebook_node(nbformat.reads(text, as_version=4))
    return str(body)
