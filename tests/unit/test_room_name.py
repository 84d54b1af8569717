from timserver.matrix import room_name


def test_a_room_has_a_name_by_name_or_canonical_alias() -> None:
    assert room_name.has_name({"name": "Ward 7"}, None)
    assert room_name.has_name({"name": ""}, {"alias": "#ward:example.org"})
    assert not room_name.has_name(None, None)
    assert not room_name.has_name({"name": 7}, {"alias": None, "alt_aliases": ["#a:example.org"]})
