// A logged-in client: the SDK's object, what the server refused it, and its recovery key.
import { createClient, ClientEvent, SyncState } from "matrix-js-sdk";
import { decodeRecoveryKey, CryptoEvent } from "matrix-js-sdk/lib/crypto-api/index.js";

/** Poll `look` until it gives something; the SDK has no single event for "anything changed". */
export async function until(what, look, timeoutMs = 60_000) {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
        const found = await look();
        if (found) return found;
        if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what()}`);
        await new Promise((resolve) => setTimeout(resolve, 25));
    }
}

/** fetch that remembers what the server refused: the first thing one wants to read after a failure. */
function rememberingFetch(refused) {
    return async (resource, options) => {
        const response = await fetch(resource, options);
        if (!response.ok) {
            const path = String(resource).replace(/^https?:\/\/[^/]+/, "");
            const line = `${options?.method ?? "GET"} ${path} -> ${response.status} ${await response.clone().text()}`;
            refused.push(line.slice(0, 500));
            if (refused.length > 8) refused.shift();
        }
        return response;
    };
}

function secretStorageOf(session) {
    return {
        getSecretStorageKey: async ({ keys }) => {
            if (!session.recoveryKey) return null;
            return [Object.keys(keys)[0], decodeRecoveryKey(session.recoveryKey)];
        },
    };
}

/** Log in with a password as a new device, start encryption and syncing, and wait for the first sync. */
export async function logIn({ url, user, password, device_name }) {
    const session = { refused: [], incomingVerifications: [], recoveryKey: null, user, password };
    const options = { baseUrl: url, fetchFn: rememberingFetch(session.refused) };
    const credentials = await createClient(options).loginRequest({
        type: "m.login.password",
        identifier: { type: "m.id.user", user },
        password,
        initial_device_display_name: device_name,
    });
    session.sdk = createClient({
        ...options,
        accessToken: credentials.access_token,
        userId: credentials.user_id,
        deviceId: credentials.device_id,
        timelineSupport: true,
        cryptoCallbacks: secretStorageOf(session),
    });
    await session.sdk.initRustCrypto({ useIndexedDB: false });
    session.sdk.on(CryptoEvent.VerificationRequestReceived, (request) => session.incomingVerifications.push(request));
    await firstSync(session);
    return session;
}

async function firstSync(session) {
    let failure;
    session.sdk.on(ClientEvent.Sync, (_state, _previous, data) => (failure = data?.error ?? failure));
    await session.sdk.startClient({ initialSyncLimit: 20, lazyLoadMembers: true, threadSupport: true });
    const ready = () => session.sdk.getSyncState() === SyncState.Prepared || session.sdk.getSyncState() === SyncState.Syncing;
    await until(() => `the first sync (${failure})`, ready);
}

/** The device is gone from the server; the session stays on the stage, mute. */
export async function logs_out({ sdk }) {
    sdk.stopClient();
    await sdk.logout();
}
