// The server-side key backup, and coming back to it on a new device.
import { Method } from "matrix-js-sdk";
import { until } from "./session.mjs";

/** Wait until the server's backup holds at least `count` room keys; asks the server, the SDK's count is a cached one. */
export async function has_backed_up({ sdk }, { count }) {
    let held;
    await until(
        () => `a backup of ${count} keys, has ${JSON.stringify(held)}`,
        async () => (held = await sdk.http.authedRequest(Method.Get, "/room_keys/version")).count >= count,
    );
}

/** On a new device: open secret storage with the recovery key, sign this device, fetch all keys of the backup. */
export async function recovers(session, { recovery_key }) {
    session.recoveryKey = recovery_key;
    const crypto = session.sdk.getCrypto();
    await until(() => "the own identity", () => crypto.userHasCrossSigningKeys(session.sdk.getUserId(), true));
    await crypto.bootstrapCrossSigning({});
    await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
    const { total, imported } = await crypto.restoreKeyBackup();
    return { total, imported };
}

/** Ids of the room's megolm sessions that this device can decrypt with. */
export async function room_keys({ sdk }, { room }) {
    const keys = await sdk.getCrypto().exportRoomKeys();
    return keys.filter((key) => key.room_id === room).map((key) => key.session_id);
}
