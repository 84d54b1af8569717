// Rooms and messages.
import { EventTimeline, EventType, MsgType, Preset } from "matrix-js-sdk";
import { until } from "./session.mjs";

export async function roomOf(session, roomId) {
    return until(() => `${session.user} to know ${roomId}`, () => session.sdk.getRoom(roomId));
}

export async function opens_room({ sdk }, { invites, encrypted, direct, name }) {
    const encryption = { type: EventType.RoomEncryption, state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
    const { room_id } = await sdk.createRoom({
        name,
        preset: direct ? Preset.TrustedPrivateChat : Preset.PrivateChat,
        is_direct: direct,
        invite: invites,
        initial_state: encrypted ? [encryption] : [],
    });
    return room_id;
}

export async function joins(session, { room }) {
    await until(
        () => `${session.user} to be invited to ${room}`,
        () => session.sdk.getRoom(room)?.getMyMembership() === "invite",
    );
    await session.sdk.joinRoom(room);
    await until(() => `the join to come down sync`, () => session.sdk.getRoom(room)?.getMyMembership() === "join");
}

export async function leaves({ sdk }, { room }) {
    await sdk.leave(room);
}

/** The user's membership as this client has it, once it is the wanted one. */
export async function sees_membership(session, { room, user, membership }) {
    const known = await roomOf(session, room);
    await known.loadMembersIfNeeded();
    await until(
        () => `${user} to be ${membership}, is ${known.getMember(user)?.membership}`,
        () => known.getMember(user)?.membership === membership,
    );
}

async function readyToSend(session, { room, encrypted }) {
    await roomOf(session, room);
    if (!encrypted) return;
    await until(
        () => `${room} to be encrypted`,
        () => session.sdk.getCrypto().isEncryptionEnabledInRoom(room),
    );
}

export async function sends(session, args) {
    await readyToSend(session, args);
    const { event_id } = await session.sdk.sendTextMessage(args.room, args.text);
    return event_id;
}

export async function sends_many(session, { texts, ...args }) {
    for (const text of texts) await sends(session, { ...args, text });
}

/** The message event of this type whose body is `body`, decrypted, however it was sent. */
export async function findMessage(session, { room, body, msgtype = MsgType.Text }) {
    const known = await roomOf(session, room);
    const events = () => known.getLiveTimeline().getEvents();
    const matches = (event) =>
        event.getType() === EventType.RoomMessage && event.getContent().msgtype === msgtype && event.getContent().body === body;
    const instead = () =>
        events().map((event) => [event.getType(), event.getContent().body, event.decryptionFailureReason].join(" ")).slice(-10);
    return until(
        () => `${session.user} to see "${body}"; sees ${JSON.stringify(instead())}`,
        () => events().find((event) => event.getId()?.startsWith("$") && matches(event)),
    );
}

export async function sees(session, args) {
    const event = await findMessage(session, args);
    const info = await session.sdk.getCrypto().getEncryptionInfoForEvent(event);
    return {
        event_id: event.getId(),
        sender: event.getSender(),
        encrypted: event.isEncrypted(),
        shield: info?.shieldColour ?? null,
    };
}

/** The room's last event that could not be decrypted, with the SDK's reason. */
export async function cannot_read(session, { room, event_id }) {
    const known = await roomOf(session, room);
    const event = await until(() => `event ${event_id}`, () => known.findEventById(event_id));
    await until(() => `${event_id} to fail to decrypt`, () => event.isDecryptionFailure());
    return event.decryptionFailureReason;
}

/** Bodies of the room's text messages, oldest first, after paging back until `count` are there or history ends. */
export async function pages_back(session, { room, count, page_size }) {
    const timeline = (await roomOf(session, room)).getLiveTimeline();
    const bodies = async () => {
        const events = timeline.getEvents();
        await Promise.all(events.map((event) => session.sdk.decryptEventIfNeeded(event)));
        return events.filter((event) => event.getType() === EventType.RoomMessage).map((event) => event.getContent().body);
    };
    let requests = 0;
    while (timeline.getPaginationToken(EventTimeline.BACKWARDS) && (await bodies()).length < count) {
        await session.sdk.paginateEventTimeline(timeline, { backwards: true, limit: page_size });
        requests += 1;
    }
    return { bodies: await bodies(), requests };
}
