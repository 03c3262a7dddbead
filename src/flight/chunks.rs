//! The body of a flight, as far as it has come: appended to by one, read by many.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::budget::Budget;
use crate::error::CutShort;

/// Smaller chunks are joined to pieces of at least this, so that a body is in few
/// pieces however it came.
const PIECE: usize = 64 << 10;
/// Chunks are joined as well when there are so many, however small: what lies around
/// them would soon be more than they are.
const MOST_LOOSE: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Chunks {
    /// What is still held, in order; the oldest may have been let go.
    held: VecDeque<Piece>,
    /// How many of the newest are small and not joined yet, and their bytes.
    loose: usize,
    loose_bytes: usize,
    /// The bytes held.
    pub(super) held_bytes: u64,
    /// The bytes that came.
    pub(super) total: u64,
    /// Of these, the newest that nobody reads before the end is known.
    kept_back: u64,
    /// How far the fastest reader has read, in bytes.
    pub(super) fastest: u64,
    /// Once nothing is to be stored any more: how many bytes are held for slow
    /// readers.
    pub(super) hold_at_most: Option<u64>,
    /// How the body ended, once it has.
    pub(super) end: Option<Result<(), CutShort>>,
}

/// Bytes of the body, and where in it they begin.
#[derive(Debug)]
pub(super) struct Piece {
    start: u64,
    bytes: Bytes,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

/// What was let go, to be dropped outside locks: it may be the handler's.
pub(super) type LetGo = VecDeque<Piece>;

impl Chunks {
    pub(super) fn push(&mut self, bytes: Bytes, budget: &Arc<Budget>) {
        let length = bytes.len();
        let is_small = length < PIECE && self.hold_at_most.is_none();
        if !is_small {
            self.join(budget);
            (self.loose, self.loose_bytes) = (0, 0);
        }
        let start = self.total;
        self.held.push_back(Piece { start, bytes });
        self.held_bytes += length as u64;
        self.total += length as u64;
        if is_small {
            self.loose += 1;
            self.loose_bytes += length;
        }
        if self.loose_bytes >= PIECE || self.loose >= MOST_LOOSE {
            self.join(budget);
        }
    }

    /// Makes one piece of the small ones at the end, if there is room for it.
    fn join(&mut self, budget: &Arc<Budget>) {
        let loose = std::mem::take(&mut self.loose);
        let length = std::mem::take(&mut self.loose_bytes);
        if loose < 2 {
            return;
        }
        let at = self.held.len() - loose;
        let parts: Vec<&[u8]> = self.held.range(at..).map(|part| &part.bytes[..]).collect();
        if let Some(bytes) = budget.copy(&parts) {
            let start = self.held[at].start;
            self.held.truncate(at);
            self.held.push_back(Piece { start, bytes });
            if length < PIECE {
                (self.loose, self.loose_bytes) = (1, length);
            }
        }
    }

    /// The whole body, in as few pieces as may be.
    pub(super) fn collect(&mut self, budget: &Arc<Budget>) -> Vec<Bytes> {
        self.join(budget);
        self.held.iter().map(|piece| piece.bytes.clone()).collect()
    }

    /// Whether bytes from `offset` on have been let go.
    pub(super) fn is_gone(&self, offset: u64) -> bool {
        offset < self.total - self.held_bytes
    }

    /// Adds the last bytes, which are to be read together with the end.
    pub(super) fn push_last(&mut self, bytes: Bytes, budget: &Arc<Budget>) {
        self.kept_back = bytes.len() as u64;
        self.push(bytes, budget);
    }

    /// What there is to read from `offset` on, as far as one piece goes.
    pub(super) fn from(&self, offset: u64) -> Option<Bytes> {
        let shown = match self.end {
            Some(_) => self.total,
            None => self.total - self.kept_back,
        };
        let at = self.held.partition_point(|piece| piece.end() <= offset);
        let piece = self.held.get(at).filter(|_| offset < shown)?;
        let within = |at: u64| usize::try_from(at - piece.start).ok();
        let range = within(offset)?..within(shown.min(piece.end()))?;
        Some(piece.bytes.slice(range))
    }

    /// Lets go of what everyone has read, and of the oldest past `at_most` bytes, but of
    /// nothing that the fastest has yet to read.
    pub(super) fn let_go(&mut self, slowest: u64, at_most: u64) -> LetGo {
        let mut many = 0;
        for piece in &self.held {
            let is_spare = self.held_bytes > at_most && piece.end() <= self.fastest;
            if piece.end() > slowest && !is_spare {
                break;
            }
            self.held_bytes -= piece.bytes.len() as u64;
            many += 1;
        }
        if many == 0 {
            return LetGo::new();
        }
        let rest = self.held.split_off(many);
        // The small ones at the end may be among those that go.
        self.loose = self.loose.min(rest.len());
        std::mem::replace(&mut self.held, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::PIECE_OVERHEAD;

    fn body(chunks: &[Vec<u8>]) -> (Chunks, Arc<Budget>) {
        let budget = Budget::new(1 << 30);
        let mut body = Chunks::default();
        for chunk in chunks {
            let copy = budget.copy(&[chunk]).expect("room");
            body.push(copy, &budget);
        }
        (body, budget)
    }

    #[test]
    fn a_body_in_crumbs_is_kept_in_few_pieces() {
        let crumbs: Vec<Vec<u8>> = (0..50_000_u32)
            .map(|at| at.to_be_bytes().to_vec())
            .collect();
        let whole = crumbs.concat();
        let (mut body, budget) = body(&crumbs);
        let most = whole.len() as u64 + (MOST_LOOSE as u64 + 8) * PIECE_OVERHEAD;
        assert!(budget.taken() <= most);
        let pieces = body.collect(&budget);
        assert_eq!(pieces.len(), whole.len().div_ceil(PIECE));
        assert_eq!(pieces.concat(), whole);
        drop((body, pieces));
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn large_chunks_stay_as_they_are_among_small_ones() {
        let (mut body, budget) = body(&[
            vec![1; 10],
            vec![2; 10],
            vec![3; PIECE],
            vec![4; 2 * PIECE],
            vec![5; 1],
        ]);
        let lengths: Vec<usize> = body.collect(&budget).iter().map(Bytes::len).collect();
        assert_eq!(lengths, [20, PIECE, 2 * PIECE, 1]);
    }

    #[test]
    fn a_reader_goes_on_where_it_was_when_pieces_are_joined() {
        let (mut body, budget) = body(&[b"ab".to_vec(), b"cd".to_vec(), b"ef".to_vec()]);
        assert_eq!(body.from(0).expect("held"), "ab");
        body.collect(&budget);
        assert_eq!(body.from(2).expect("held"), "cdef");
        assert_eq!(body.from(5).expect("held"), "f");
        assert_eq!(body.from(6), None);
    }

    #[test]
    fn the_last_bytes_are_read_with_the_end() {
        let (mut body, budget) = body(&[b"ab".to_vec()]);
        body.push_last(Bytes::from_static(b"cd"), &budget);
        assert_eq!(body.collect(&budget).concat(), b"abcd");
        assert_eq!(body.from(0).expect("shown"), "ab");
        assert_eq!(body.from(2), None);
        body.end = Some(Ok(()));
        assert_eq!(body.from(1).expect("shown"), "bcd");
    }

    #[test]
    fn small_chunks_that_were_let_go_are_not_joined_any_more() {
        let (mut body, budget) = body(&[b"ab".to_vec(), b"cd".to_vec(), b"ef".to_vec()]);
        // It has grown too large to be stored, and all but the end has been read.
        body.hold_at_most = Some(0);
        body.fastest = 4;
        assert_eq!(body.let_go(4, 0).len(), 2);
        body.push(Bytes::from_static(b"gh"), &budget);
        assert_eq!(body.from(4).expect("held"), "ef");
        assert_eq!(body.from(6).expect("held"), "gh");
        assert_eq!(body.from(8), None);
        body.fastest = 8;
        assert_eq!(body.let_go(8, 0).len(), 2);
        body.push(Bytes::from_static(b"ij"), &budget);
        assert_eq!(body.from(8).expect("held"), "ij");
    }
}
