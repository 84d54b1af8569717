// A process that is told over JSON lines what its clients do.
//
// in:  {"id": 1, "client": "alice", "verb": "sends", "args": {"room": "!r:x", "text": "hi"}}
// out: {"id": 1, "result": ...}   or   {"id": 1, "error": "what happened"}
//
// Standard output carries answers only; whatever else is logged goes to standard error.
import { Console } from "node:console";
import { createInterface } from "node:readline";

globalThis.console = new Console(process.stderr, process.stderr);
process.on("unhandledRejection", (error) => console.error("unhandled rejection:", error));

/** Answer each line with what `perform` gives or throws; `context` adds to the text of an error. */
export function serve(perform, context = () => []) {
    async function answer(line) {
        const request = JSON.parse(line);
        let reply;
        try {
            reply = { id: request.id, result: (await perform(request)) ?? null };
        } catch (error) {
            reply = { id: request.id, error: [error?.stack ?? String(error), ...context(request.client)].join("\n") };
        }
        process.stdout.write(`${JSON.stringify(reply)}\n`);
    }
    createInterface({ input: process.stdin })
        .on("line", answer)
        .on("close", () => process.exit(0));
}
