"""`./dev bench core`: what the core does, against ruma-state-res, Synapse, signedjson and PyNaCl, in one run.

All have everything in memory; nothing touches a database or the network. Times are medians of the CPU time of the
working thread (of verification, which uses several: of the clock on the wall). What is inside the timed part:

- timserver: from two states as the store keeps them (packed layers, auth vectors, rows of numbers and bytes) to the
  layer of the resolved state and the layer of its reach. Reading of PDUs is inside, as are all of `core.forks`' steps.
- ruma-state-res (Rust): from two state maps and a map of events that are read already, to the resolved map. Its caller
  has to bring the auth chains; walking them in memory is inside, and shown apart.
- Synapse's `synapse.state.v2`: from two state maps and events that are read already, to the resolved map. Its store
  has to bring the auth difference; walking for it in memory is outside, and shown apart.

The outcomes are compared. `rooms` makes the rooms, `ours` is timserver's part, `others` the two outsiders (`ruma/` is
a crate of its own, `synapse_side.py` runs in Synapse's environment).
"""
