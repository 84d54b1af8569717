from timserver.matrix import room_name
from timserver.matrix.room_name import Member


def test_heroes_are_the_first_five_of_the_present_without_the_reader() -> None:
    members = [Member(f"@{n}:example.org", "join" if n % 2 else "invite", 100 - n) for n in range(9)]
    members.append(Member("@left:example.org", "leave", 1))
    assert room_name.choose_heroes(members, "@8:example.org") == [
        f"@{n}:example.org" for n in (7, 6, 5, 4, 3)
    ]


def test_without_present_members_the_gone_are_heroes() -> None:
    members = [
        Member("@me:example.org", "join", 1),
        Member("@b:example.org", "ban", 3),
        Member("@a:example.org", "leave", 2),
        Member("@k:example.org", "knock", 1),
    ]
    assert room_name.choose_heroes(members, "@me:example.org") == ["@a:example.org", "@b:example.org"]


def test_a_room_has_a_name_by_name_or_canonical_alias() -> None:
    assert room_name.has_name({"name": "Ward 7"}, None)
    assert room_name.has_name({"name": ""}, {"alias": "#ward:example.org"})
    assert not room_name.has_name(None, None)
    assert not room_name.has_name({"name": 7}, {"alias": None, "alt_aliases": ["#a:example.org"]})
