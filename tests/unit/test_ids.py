import pytest

from timserver.matrix import ids


@pytest.mark.parametrize("text", ["example.org", "example.org:8448", "[2001:db8::1]:80", "10.0.0.1"])
def test_server_names_are_taken(text: str) -> None:
    assert ids.parse_server_name(text) == text


@pytest.mark.parametrize(
    "text", ["", "a b", "example.org:", "example.org:123456", "[::1", "a/b", "a\n", "a:\u0663"]
)
def test_what_is_no_server_name_is_refused(text: str) -> None:
    with pytest.raises(ids.InvalidID):
        ids.parse_server_name(text)


def test_user_ids_are_measured_in_bytes() -> None:
    assert ids.parse_user_id("@" + "a" * 240 + ":example.org")
    with pytest.raises(ids.InvalidID):
        ids.parse_user_id("@" + "ä" * 130 + ":example.org")


def test_historical_user_ids_exist_but_are_not_made_anew() -> None:
    assert ids.parse_user_id("@Müller:example.org") == "@Müller:example.org"
    with pytest.raises(ids.InvalidID):
        ids.make_user_id("Müller", ids.ServerName("example.org"))


def test_room_ids_need_no_server_part() -> None:
    assert ids.parse_room_id("!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM")
