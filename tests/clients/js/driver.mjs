// One process, many clients: matrix-js-sdk with Rust crypto.
import "./node20.mjs";
import { serve } from "./json_lines.mjs";

const { logIn, logs_out } = await import("./session.mjs");
const verbs = {
    logs_out,
    ...(await import("./rooms.mjs")),
    ...(await import("./files.mjs")),
    ...(await import("./trust.mjs")),
    ...(await import("./backup.mjs")),
};
const sessions = new Map();

async function perform({ client, verb, args }) {
    if (verb === "logs_in") {
        const session = await logIn(args);
        sessions.set(client, session);
        return { user_id: session.sdk.getUserId(), device_id: session.sdk.getDeviceId() };
    }
    const session = sessions.get(client);
    if (!session) throw new Error(`${client} is not logged in`);
    if (verb === "leaves_the_stage") {
        session.sdk.stopClient();
        return sessions.delete(client);
    }
    if (!verbs[verb]) throw new Error(`unknown verb ${verb}`);
    return verbs[verb](session, args);
}

serve(perform, (client) => (sessions.get(client)?.refused ?? []).map((line) => `refused: ${line}`));
