"""A_25534: who may be talked to, at each place of tim/REQUIREMENTS 2.5, as a table."""

import pytest

from timserver.matrix.errors import Forbidden, Unauthorized
from timserver.matrix.ids import ServerName, UserID
from timserver.policy.facts import (
    CreateRoomFacts,
    FederationCallFacts,
    FederationList,
    FederationPduFacts,
    FederationRequestFacts,
    InviteFacts,
    JoinFacts,
    MediaFacts,
)
from timserver.policy.federation import allowed_servers as rule
from timserver.policy.verdict import Denied
from timserver.tenancy import Tenant, TenantSettings, Variant

LIST = FederationList(frozenset({ServerName("listed.example")}))


def tenant(variant: Variant) -> Tenant:
    return Tenant(
        tenant_id=1,
        server_name=ServerName("own.example"),
        variant=variant,
        tim_version="1.2",
        settings=TenantSettings(allowed_servers=(ServerName("partner.example"),)),
    )


def verdicts(variant: Variant, name: str) -> list[Denied | None]:
    """What each place says of a server."""
    us, server = tenant(variant), ServerName(name)
    me, user = UserID("@me:own.example"), UserID(f"@them:{name}")
    return [
        rule.on_create_room(CreateRoomFacts(tenant=us, federation=LIST, creator=me, invitees=(me, user))),
        rule.on_invite(InviteFacts(tenant=us, federation=LIST, inviter=me, invitee=user)),
        rule.on_invite(InviteFacts(tenant=us, federation=LIST, inviter=user, invitee=me)),
        rule.on_media(MediaFacts(tenant=us, federation=LIST, server_name=server)),
        rule.on_federation_request(FederationRequestFacts(tenant=us, federation=LIST, origin=server)),
        rule.on_federation_pdu(
            FederationPduFacts(
                tenant=us, federation=LIST, origin=ServerName("listed.example"), sender_server=server
            )
        ),
        rule.on_federation_call(FederationCallFacts(tenant=us, federation=LIST, destination=server)),
        rule.on_join(JoinFacts(tenant=us, federation=LIST, user_id=me, via=(server,))),
    ]


@pytest.mark.parametrize("variant", [Variant.PRO, Variant.EPA])
@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("own.example", True),
        ("listed.example", True),
        ("partner.example", True),
        ("other.example", False),
        ("sub.listed.example", False),
        ("listed.example:8448", False),
        ("LISTED.example", False),
    ],
)
def test_every_place(variant: Variant, name: str, allowed: bool) -> None:
    found = verdicts(variant, name)
    assert [verdict is None for verdict in found] == [allowed] * len(found)
    for verdict in found:
        if verdict is not None:
            assert verdict.requirement == "A_25534"
            assert verdict.to_error().http_status == 403
            assert verdict.kind is Forbidden


def test_others_federate_with_anyone() -> None:
    assert not any(verdicts(Variant.OFF, "other.example"))


def test_the_texts_are_gematiks() -> None:
    create, invite, *_, request, pdu, call, join = verdicts(Variant.PRO, "other.example")
    text = "other.example kann nicht in der Föderation gefunden werden"
    assert {verdict.error for verdict in (create, invite, call, join) if verdict} == {text}
    assert {verdict.error for verdict in (request, pdu) if verdict} == {"not part of federation"}


def test_a_request_without_origin() -> None:
    def asked(variant: Variant) -> Denied | None:
        facts = FederationRequestFacts(tenant=tenant(variant), federation=LIST, origin=None)
        return rule.on_federation_request(facts)

    assert asked(Variant.OFF) is None
    denied = asked(Variant.PRO)
    assert denied is not None
    assert denied.kind is Unauthorized
    assert denied.requirement == "A_26331"


def test_a_join_needs_one_server_of_the_federation() -> None:
    def via(*names: str) -> Denied | None:
        servers = tuple(map(ServerName, names))
        facts = JoinFacts(
            tenant=tenant(Variant.PRO), federation=LIST, user_id=UserID("@me:own.example"), via=servers
        )
        return rule.on_join(facts)

    assert via() is None
    assert via("other.example", "listed.example") is None
    assert via("other.example", "another.example") is not None
