//! RFC 9111 §3.3 and §3.4, RFC 9110 §15.3.7: parts that are stored, combined, completed.

mod combined;
mod completed;
#[path = "../support/dice.rs"]
mod dice;
mod file;
mod promises;
#[path = "../support/seeds.rs"]
mod seeds;
mod sockets;
mod stored;
#[path = "../support/mod.rs"]
mod support;
mod walk;
#[path = "../support/wire.rs"]
mod wire;
