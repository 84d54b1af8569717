"""Client-server API: one module per OpenAPI file of the spec, one function per operationId."""
