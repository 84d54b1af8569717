import re

from hypothesis import given
from hypothesis import strategies as st

from timserver.matrix import globs

patterns = st.text(alphabet="ab*? _", max_size=8)
texts = st.text(alphabet="ab _-ü\n", max_size=12)


def as_regex(pattern: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)


@given(patterns, texts)
def test_whole_text_equals_the_regex(pattern: str, text: str) -> None:
    expected = re.fullmatch(as_regex(pattern), text, re.DOTALL) is not None
    assert globs.matches(globs.parse(pattern), text) is expected


@given(patterns, texts)
def test_words_equal_the_definition(pattern: str, text: str) -> None:
    glob = globs.parse(pattern)
    is_word = [re.match(r"[A-Za-z0-9_]", character) is not None for character in text]
    starts = [at for at in range(len(text) + 1) if at == 0 or not is_word[at - 1]]
    ends = [at for at in range(len(text) + 1) if at == len(text) or not is_word[at]]
    expected = any(globs.matches(glob, text[start:end]) for start in starts for end in ends if start <= end)
    assert globs.matches_words(glob, text) is expected
