"""timserver: many Matrix homeservers in one, for the German TI-Messenger.

Layers, upper may import lower (checked by import-linter, see `pyproject.toml`)::

    __main__ > cli > app > api | workers > usecases > context > store | remote
             > policy > config > tenancy > core > matrix > clock

Begin reading at `api/endpoint.py` (what an endpoint is), then `usecases/events/send_message.py` and
`store/events.py` (the hot path), then `usecases/sync`.
"""
