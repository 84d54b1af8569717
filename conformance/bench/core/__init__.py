"""`./dev bench core`: what the core does, against ruma-state-res, Synapse, signedjson and PyNaCl, in one run.

All have everything in memory; nothing touches a database or the network. Times are medians of the CPU time of the
working thread (of verification, which uses several: of the clock on the wall). What is inside the timed part:

- timserver: from two states as a process keeps them (the whole state in a dict, what is new packed, auth vectors, events
  that are read already) to the layer of the resolved state and the layer of its reach: all of `core.forks`' steps, and
  looking up what they ask for. "PDUs read anew" is the same with nothing in memory: the whole state packed, and each
  PDU read inside. A server sees that at a room's first fork, and when `ReadEvents` of `store.caches` is too small.
- ruma-state-res (Rust): from two state maps and a map of events that are read already, to the resolved map. Its caller
  has to bring the auth chains; walking them in memory is inside, and shown apart.
- Synapse's `synapse.state.v2`: from two state maps and events that are read already, to the resolved map. Its store
  has to bring the auth difference; walking for it in memory is outside, and shown apart.

The outcomes are compared. `rooms` makes the rooms, `ours` is timserver's part, `others` the two outsiders (`ruma/` is
a crate of its own, `synapse_side.py` runs in Synapse's environment).
"""
