"""The full table: 4 visibilities x 6 memberships x joined later or not, and the two kinds of event that change it."""

from itertools import product

import pytest

from timserver.matrix import history_visibility as hv
from timserver.matrix.history_visibility import Visibility

MEMBERSHIPS = ["join", "invite", "knock", "leave", "ban", "unheard of"]
# visibility -> memberships at the event that may see it, when the user never joined later / when the user did.
MAY_SEE: dict[Visibility, tuple[set[str], set[str]]] = {
    Visibility.WORLD_READABLE: (set(MEMBERSHIPS), set(MEMBERSHIPS)),
    Visibility.SHARED: ({"join"}, set(MEMBERSHIPS)),
    Visibility.INVITED: ({"join", "invite"}, {"join", "invite"}),
    Visibility.JOINED: ({"join"}, {"join"}),
}


@pytest.mark.parametrize(
    ("visibility", "membership", "later"), list(product(Visibility, MEMBERSHIPS, [False, True]))
)
def test_the_table(visibility: Visibility, membership: str, later: bool) -> None:
    expected = membership in MAY_SEE[visibility][later]
    assert hv.user_may_see([visibility], [membership], joined_later=later) is expected
    assert hv.server_may_see([visibility], [membership], in_room=later) is expected


@pytest.mark.parametrize(
    ("before", "after", "membership", "later"),
    list(product(Visibility, Visibility, MEMBERSHIPS, [False, True])),
)
def test_a_change_of_visibility_shows_to_whom_either_side_shows_it(
    before: Visibility, after: Visibility, membership: str, later: bool
) -> None:
    expected = membership in MAY_SEE[before][later] or membership in MAY_SEE[after][later]
    assert hv.user_may_see([before, after], [membership], joined_later=later) is expected


@pytest.mark.parametrize(
    ("visibility", "before", "after", "later"),
    list(product(Visibility, MEMBERSHIPS, MEMBERSHIPS, [False, True])),
)
def test_the_own_membership_shows_on_either_side(
    visibility: Visibility, before: str, after: str, later: bool
) -> None:
    allowed = MAY_SEE[visibility][later]
    expected = before in allowed or after in allowed
    assert hv.user_may_see([visibility], [before, after], joined_later=later) is expected


def test_a_user_sees_the_own_join_and_kick_even_if_only_the_joined_see() -> None:
    assert hv.user_may_see([Visibility.JOINED], ["leave", "join"], joined_later=True)
    assert hv.user_may_see([Visibility.JOINED], ["join", "ban"], joined_later=False)
    assert not hv.user_may_see([Visibility.JOINED], ["leave", "invite"], joined_later=False)


def test_a_server_without_users_at_the_event_sees_shared_history_only_when_it_is_in_the_room() -> None:
    assert hv.server_may_see([Visibility.SHARED], [], in_room=True)
    assert not hv.server_may_see([Visibility.SHARED], [], in_room=False)
    assert not hv.server_may_see([Visibility.INVITED], [], in_room=True)
    assert hv.server_may_see([Visibility.INVITED], ["leave", "invite"], in_room=False)


@pytest.mark.parametrize(
    "content", [None, {}, {"history_visibility": "secret"}, {"history_visibility": ["joined"]}]
)
def test_what_nobody_understands_is_shared(content: dict[str, object] | None) -> None:
    assert hv.read_visibility(content) is Visibility.SHARED  # type: ignore[arg-type]


@pytest.mark.parametrize("visibility", list(Visibility))
def test_known_values_are_read(visibility: Visibility) -> None:
    assert hv.read_visibility({"history_visibility": str(visibility)}) is visibility
