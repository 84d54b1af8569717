"""`/keys/device_signing/upload`, `/keys/signatures/upload`."""

from typing import Annotated, Any

import msgspec

from timserver.api.endpoint import Empty, Request, WholeBody, endpoint
from timserver.api.user_interaction import InteractiveRequest, attempt
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.cross_signing import MASTER, SELF_SIGNING, USER_SIGNING
from timserver.tenancy import Requester, Tenant
from timserver.usecases.e2ee.upload_cross_signing import upload_cross_signing
from timserver.usecases.e2ee.upload_signatures import upload_signatures


class UploadCrossSigningKeysRequest(InteractiveRequest, frozen=True, kw_only=True):
    """Keys of the requesting user."""

    master_key: dict[str, Any] | None = None
    self_signing_key: dict[str, Any] | None = None
    user_signing_key: dict[str, Any] | None = None


class UploadCrossSigningSignaturesRequest(Request, frozen=True, kw_only=True):
    """Signed objects by user and key id."""

    signed: Annotated[dict[str, Any], WholeBody()]


class UploadCrossSigningSignaturesResponse(msgspec.Struct, frozen=True):
    """Errors by user and key id."""

    failures: dict[str, dict[str, dict[str, str]]]


@endpoint("POST", "/_matrix/client/v3/keys/device_signing/upload", rate=RateKind.KEYS)
async def upload_cross_signing_keys(
    ctx: Context, tenant: Tenant, requester: Requester, request: UploadCrossSigningKeysRequest
) -> Empty:
    """POST /_matrix/client/v3/keys/device_signing/upload.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysdevice_signingupload
    """
    given = {
        MASTER: request.master_key,
        SELF_SIGNING: request.self_signing_key,
        USER_SIGNING: request.user_signing_key,
    }
    values = {usage: value for usage, value in given.items() if value is not None}
    proof = attempt("upload_cross_signing_keys", request)
    await upload_cross_signing(ctx, tenant, requester, values, proof)
    return Empty()


@endpoint("POST", "/_matrix/client/v3/keys/signatures/upload", rate=RateKind.KEYS)
async def upload_cross_signing_signatures(
    ctx: Context, tenant: Tenant, requester: Requester, request: UploadCrossSigningSignaturesRequest
) -> UploadCrossSigningSignaturesResponse:
    """POST /_matrix/client/v3/keys/signatures/upload.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keyssignaturesupload
    """
    try:
        signed = msgspec.convert(request.signed, dict[str, dict[str, dict[str, Any]]])
    except msgspec.ValidationError as error:
        raise errors.BadJson(str(error)) from error
    failures = await upload_signatures(ctx, tenant, requester, signed)
    return UploadCrossSigningSignaturesResponse(
        {
            user_id: {
                key_id: {"errcode": error.errcode, "error": error.error} for key_id, error in of_user.items()
            }
            for user_id, of_user in failures.items()
        }
    )
