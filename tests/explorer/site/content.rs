//! Bodies in which every byte tells whose it is.
//!
//! A byte is a function of the serial of the call that made it and of its place,
//! so that a reader sees at once if two bodies are mixed, or if a piece is missing
//! or comes twice.

use bytes::Bytes;

use crate::history::Serial;

/// The bytes of `serial`'s body from `start` to `end`.
pub(crate) fn bytes(serial: Serial, start: u64, end: u64) -> Bytes {
    let mut made = Vec::with_capacity((end - start) as usize + 16);
    let first = start / 8 * 8;
    let mut at = first;
    while at < end {
        made.extend_from_slice(&word(serial, at));
        at += 8;
    }
    let from = (start - first) as usize;
    Bytes::from(made).slice(from..from + (end - start) as usize)
}

/// Whether `chunk` is what stands at `start` in the body of `serial`.
pub(crate) fn is_of(serial: Serial, start: u64, chunk: &[u8]) -> bool {
    let head = ((8 - start % 8) % 8).min(chunk.len() as u64) as usize;
    let (head, rest) = chunk.split_at(head);
    let is_byte = |(at, byte): (usize, &u8)| {
        let at = start + at as u64;
        word(serial, at / 8 * 8)[(at % 8) as usize] == *byte
    };
    let second = start + head.len() as u64;
    head.iter().enumerate().all(is_byte)
        && rest.chunks(8).enumerate().all(|(block, piece)| {
            let at = second + 8 * block as u64;
            word(serial, at).starts_with(piece)
        })
}

/// The eight bytes at `at`, a multiple of eight.
fn word(serial: Serial, at: u64) -> [u8; 8] {
    let mut mixed = (serial.0 as u64) << 40 ^ at;
    mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 29)).to_le_bytes()
}
