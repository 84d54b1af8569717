"""HTTP in: each endpoint is declared once (`endpoint.py`); `dispatch.py` is the only place that knows aiohttp.

`client` and `federation` hold one module per OpenAPI file of the spec, `admin` the operator, `tim` gematik.
"""
