// Hydrogen in headless Chromium, used by clicking and typing; one browser, a fresh profile for each person.
import { serve } from "../json_lines.mjs";
import { chromium } from "playwright-core";
import { serveSite } from "./site.mjs";

const WAIT_MS = 30_000;
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
const QUIET_FLAGS = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];

const site = await serveSite();
const browser = await chromium.launch({ executablePath: process.argv[2], args: [...FLAGS, ...QUIET_FLAGS] });
const pages = new Map();

const verbs = {
    async logs_in(page, { user, password }) {
        await page.getByPlaceholder("Username").fill(user);
        await page.getByPlaceholder("Password").fill(password);
        await page.getByRole("button", { name: "Log In" }).click();
        await page.locator(".LeftPanel").waitFor();
    },
    async accepts_invite(page) {
        await page.locator(".RoomList li").first().click();
        await page.getByRole("button", { name: "Accept" }).click();
        await page.locator(".MessageComposer textarea").waitFor();
    },
    async sends(page, { text }) {
        await page.locator(".MessageComposer textarea").fill(text);
        await page.locator(".MessageComposer textarea").press("Enter");
    },
    async sees(page, { text }) {
        await page.locator(".Timeline_messageBody", { hasText: text }).waitFor();
    },
    async takes_picture(page, { path }) {
        await page.screenshot({ path });
    },
    async leaves_the_stage(page) {
        await page.context().close();
    },
};

async function open(homeserver) {
    const context = await browser.newContext({ viewport: { width: 1100, height: 700 } });
    context.setDefaultTimeout(WAIT_MS);
    const page = await context.newPage();
    page.on("console", (message) => console.error("page:", message.text(), message.location().url));
    page.on("requestfailed", (request) => console.error("failed:", request.method(), request.url(), request.failure()));
    page.on("pageerror", (error) => console.error("page error:", error));
    await page.goto(`${site}?homeserver=${encodeURIComponent(homeserver)}#/login`);
    return page;
}

serve(
    async ({ client, verb, args }) => {
        if (verb === "logs_in") pages.set(client, await open(args.url));
        return verbs[verb](pages.get(client), args);
    },
    () => [],
);
