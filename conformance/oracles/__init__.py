"""Outside oracles for `timserver.core`: what ruma (Rust) and gomatrixserverlib (Go) say about the same rooms.

Nothing here is part of the package. `run` is the command; `questions` says what is asked and in which form, `ours`
answers with our own core, `deviations` names each way in which an oracle is known to differ, with the spec's text, and
can imitate it: a difference counts as explained only when the imitation gives exactly the oracle's answer. The edge cases
that only the corpus tells have their causes in `stories`.
"""
