"""Mutation testing of what must never be wrong: authorization, state resolution, canonical JSON, redaction.

`run` is the command (`./dev mutate`). A mutant is the program with one small change; tests that still pass have not
looked there.

- `definition`: mutmut on the Python definition, under the core's unit tests and the corpus, which call it directly.
- `engine`: cargo-mutants on the Rust engine. The core's tests would take a minute for each mutant. So they run once, while
  `record` writes down all that they ask the engine, with the answers; for each mutant `replay` asks the same again, in
  about a second. Nearly all of these answers are held against the definition by the tests themselves.
- `survivors.toml` names each mutant that survives, with the reason: mostly it is equivalent, the same program in other
  words. Whoever finds no reason writes the test that is missing, best as a case of the corpus.
"""
