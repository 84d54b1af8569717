// Serves Hydrogen's page and assets on a free port of this machine.
import { build } from "esbuild";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const FOLDERS = ["hydrogen-view-sdk/asset-build/assets", "hydrogen-view-sdk/lib-build", "@matrix-org/olm"];
/** Hydrogen asks below r0, the paths of Matrix before v1.1; the server speaks v3, the same for all Hydrogen asks. */
const RENAMED = ['"/_matrix/client/r0"', '"/_matrix/client/v3"'];
const TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
};
const PAGE = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Hydrogen</title>
<link rel="stylesheet" href="theme-element-light.css"></head>
<body class="hydrogen"><script type="module" src="page.js"></script></body></html>`;

async function bundle() {
    const { outputFiles } = await build({
        entryPoints: [here("page.mjs")],
        bundle: true,
        format: "esm",
        external: ["crypto", "path", "fs"],
        logLevel: "error",
        write: false,
    });
    return outputFiles[0].text.replaceAll(...RENAMED);
}

async function asset(name) {
    for (const folder of FOLDERS) {
        const found = await readFile(here(`../node_modules/${folder}/${name}`)).catch(() => null);
        if (found) return found;
    }
    return null;
}

/** The address of the page, ready to be opened. */
export async function serveSite() {
    const script = await bundle();
    const server = createServer(async (request, response) => {
        const name = new URL(request.url, "http://localhost").pathname.slice(1) || "index.html";
        const body = { "index.html": PAGE, "page.js": script }[name] ?? (await asset(name));
        response.writeHead(body ? 200 : 404, { "Content-Type": TYPES[extname(name)] ?? "application/octet-stream" });
        response.end(body ?? "");
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${server.address().port}/`;
}
