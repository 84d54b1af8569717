"""Composition root: builds the context and the listeners; imports all, imported only by `cli`."""
