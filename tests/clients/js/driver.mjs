// One process, many Matrix clients (matrix-js-sdk with Rust crypto), driven by JSON lines.
//
// in:  {"id": 1, "client": "alice", "verb": "sends", "args": {"room": "!r:x", "text": "hi"}}
// out: {"id": 1, "result": ...}   or   {"id": 1, "error": "what happened, and the last refused requests"}
//
// Standard output carries answers only; whatever the SDK logs goes to standard error.
import "./node20.mjs";
import { createInterface } from "node:readline";
import { Console } from "node:console";

globalThis.console = new Console(process.stderr, process.stderr);
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

function describe(error, client) {
    const refused = sessions.get(client)?.refused ?? [];
    return [error?.stack ?? String(error), ...refused.map((line) => `refused: ${line}`)].join("\n");
}

async function answer(line) {
    const request = JSON.parse(line);
    let reply;
    try {
        reply = { id: request.id, result: (await perform(request)) ?? null };
    } catch (error) {
        reply = { id: request.id, error: describe(error, request.client) };
    }
    process.stdout.write(`${JSON.stringify(reply)}\n`);
}

process.on("unhandledRejection", (error) => console.error("unhandled rejection:", error));
createInterface({ input: process.stdin })
    .on("line", answer)
    .on("close", () => process.exit(0));
