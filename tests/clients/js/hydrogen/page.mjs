// Hydrogen, the whole web client, from its SDK: login screen, room list, timeline, composer. Runs in the browser.
import { FeatureSet, Platform, RootViewModel, createNavigation, createRouter } from "hydrogen-view-sdk";

const assetPaths = {
    downloadSandbox: "download-sandbox.html",
    worker: "main.js",
    olm: { wasm: "olm.wasm", legacyBundle: "olm_legacy.js", wasmBundle: "olm.js" },
    serviceWorker: "sw.js",
};
const config = { defaultHomeServer: new URLSearchParams(location.search).get("homeserver") };
const platform = new Platform({ container: document.body, assetPaths, config, options: { development: false } });
await platform.init();
const navigation = createNavigation();
platform.setNavigation(navigation);
const urlRouter = createRouter({ navigation, history: platform.history });
urlRouter.attach();
const features = await FeatureSet.load(platform.settingsStorage);
const root = new RootViewModel({ platform, urlRouter, navigation, features });
platform.createAndMountRootView(root);
await root.load();
