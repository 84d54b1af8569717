// Cross-signing and interactive verification by comparing emoji.
import { VerificationPhase, VerifierEvent } from "matrix-js-sdk/lib/crypto-api/index.js";
import { until } from "./session.mjs";

/** Upload what needs the password: ask without, and answer the challenge. */
function withPassword({ user, password }) {
    return async (upload) => {
        try {
            return await upload(null);
        } catch (error) {
            if (error.httpStatus !== 401) throw error;
            const identifier = { type: "m.id.user", user };
            return upload({ type: "m.login.password", identifier, password, session: error.data.session });
        }
    };
}

/** Make cross-signing keys, secret storage and a key backup; the recovery key opens all of it on a new device. */
export async function sets_up_recovery(session) {
    const crypto = session.sdk.getCrypto();
    await crypto.bootstrapCrossSigning({
        setupNewCrossSigning: true,
        authUploadDeviceSigningKeys: withPassword(session),
    });
    const key = await crypto.createRecoveryKeyFromPassphrase();
    session.recoveryKey = key.encodedPrivateKey;
    await crypto.bootstrapSecretStorage({
        createSecretStorageKey: async () => key,
        setupNewSecretStorage: true,
        setupNewKeyBackup: true,
    });
    await until(() => "secret storage to be ready", () => crypto.isSecretStorageReady());
    await until(() => "cross-signing to be ready", () => crypto.isCrossSigningReady());
    return session.recoveryKey;
}

/** Ask a user (in a room) or one device (by to-device messages) to be verified. */
export async function asks_to_verify(session, { user, room, device }) {
    const crypto = session.sdk.getCrypto();
    await crypto.getUserDeviceInfo([user], true);
    session.verification = room
        ? await crypto.requestVerificationDM(user, room)
        : await crypto.requestDeviceVerification(user, device);
    return session.verification.transactionId ?? null;
}

export async function accepts_verification(session, { user }) {
    session.verification = await until(
        () => `a verification request from ${user}`,
        () => session.incomingVerifications.find((request) => request.otherUserId === user && request.pending),
    );
    await session.verification.accept();
    return session.verification.transactionId ?? null;
}

/** Start comparing once the other side is ready; answers what to compare. */
export async function starts_comparing(session) {
    const { verification } = session;
    await reaches(verification, VerificationPhase.Ready);
    return comparing(session, await verification.startVerification("m.sas.v1"));
}

/** Follow the comparison that the other side started; answers what to compare. */
export async function joins_comparing(session) {
    const { verification } = session;
    return comparing(session, await until(() => `the other side to start (${state(verification)})`, () => verification.verifier));
}

async function comparing(session, verifier) {
    session.sas = null;
    verifier.on(VerifierEvent.ShowSas, (sas) => (session.sas = sas));
    session.verified = verifier.verify();
    session.verified.catch((error) => console.error("verification ended:", error));
    await until(
        () => `the emoji (${state(session.verification)})`,
        () => (session.sas ??= verifier.getShowSasCallbacks()),
    );
    const { emoji, decimal } = session.sas.sas;
    return { emoji: emoji.map(([symbol]) => symbol), numbers: decimal };
}

export async function confirms(session) {
    await session.sas.confirm();
}

/** Wait until both sides have confirmed. */
export async function finishes_comparing(session) {
    await session.verified;
    await reaches(session.verification, VerificationPhase.Done);
}

function state(verification) {
    return `phase ${VerificationPhase[verification.phase]}, cancelled: ${verification.cancellationCode}`;
}

async function reaches(verification, phase) {
    await until(() => `${VerificationPhase[phase]}, is ${state(verification)}`, () => verification.phase === phase);
}

/** Wait until this client shows the user as verified by cross-signing. */
export async function trusts_user(session, { user }) {
    const crypto = session.sdk.getCrypto();
    await until(
        () => `${session.user} to trust ${user}`,
        async () => (await crypto.getUserVerificationStatus(user)).isCrossSigningVerified(),
    );
}

/** Wait until the device's keys are here. */
export async function knows_device({ sdk }, { user, device }) {
    await until(
        () => `keys of ${device}`,
        async () => (await sdk.getCrypto().getUserDeviceInfo([user])).get(user)?.has(device),
    );
}

/** Wait until this client shows the device as signed by its owner, whose identity it verified. */
export async function trusts_device(session, args) {
    const trusted = async () => (await trust_in_device(session, args)).cross_signed;
    await until(() => `${session.user} to trust device ${args.device}`, trusted);
}

/** What this client believes of one device: {cross_signed, local}. */
export async function trust_in_device(session, { user, device }) {
    const crypto = session.sdk.getCrypto();
    await crypto.getUserDeviceInfo([user], true);
    const status = await crypto.getDeviceVerificationStatus(user, device);
    return { cross_signed: status?.crossSigningVerified ?? false, local: status?.localVerified ?? false };
}

/** What this device shows its owner to read out. */
export async function fingerprint({ sdk }) {
    return (await sdk.getCrypto().getOwnDeviceKeys()).ed25519;
}

/** What this client has from the server for another's device. */
export async function fingerprint_of({ sdk }, { user, device }) {
    const devices = await sdk.getCrypto().getUserDeviceInfo([user], true);
    return devices.get(user).get(device).getFingerprint();
}

/** The human compared the fingerprints. */
export async function marks_verified({ sdk }, { user, device }) {
    await sdk.getCrypto().setDeviceVerified(user, device);
}
