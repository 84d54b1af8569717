"""Server-server API: one module per OpenAPI file of the spec."""
