// Encrypted attachments, as Element makes them: the file is encrypted here, the server stores ciphertext.
import { EventType, MsgType } from "matrix-js-sdk";
import { decryptAttachment, encryptAttachment } from "matrix-encrypt-attachment";
import { findMessage } from "./rooms.mjs";

export async function sends_file({ sdk }, { room, name, base64 }) {
    const plain = Buffer.from(base64, "base64");
    const { data, info } = await encryptAttachment(new Uint8Array(plain).buffer);
    const upload = await sdk.uploadContent(Buffer.from(data), { type: "application/octet-stream", includeFilename: false });
    const { event_id } = await sdk.sendMessage(room, {
        msgtype: MsgType.File,
        body: name,
        filename: name,
        info: { size: plain.length, mimetype: "application/octet-stream" },
        file: { ...info, url: upload.content_uri },
    });
    return event_id;
}

/** The file's decrypted bytes, base64; downloaded from the authenticated media endpoint. */
export async function sees_file(session, { room, name }) {
    const event = await findMessage(session, { room, body: name, msgtype: MsgType.File });
    if (event.getWireType() !== EventType.RoomMessageEncrypted) throw new Error(`${name} was not sent encrypted`);
    const { file } = event.getContent();
    const url = session.sdk.mxcUrlToHttp(file.url, undefined, undefined, undefined, false, true, true);
    const response = await fetch(url, { headers: { Authorization: `Bearer ${session.sdk.getAccessToken()}` } });
    if (!response.ok) throw new Error(`GET ${url} -> ${response.status} ${await response.text()}`);
    return Buffer.from(await decryptAttachment(await response.arrayBuffer(), file)).toString("base64");
}
