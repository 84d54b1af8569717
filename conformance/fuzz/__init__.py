"""Fuzzing of `timserver.core`: the engine by cargo-fuzz, the definition and the seams by atheris.

`run` is the command. `targets` has what is fuzzed in Python, `rust/fuzz_targets` what is fuzzed without it; both read
the same inputs (`room_bytes`, `vocabulary.json` where they are rooms). `corpus/` keeps short inputs that reached something
new, one file per form, which `tests/unit/test_fuzz_corpus.py` replays at each run of the tests.
"""
