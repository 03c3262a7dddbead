//! Inputs made from others.

use crate::dice::Dice;

/// No input is longer.
const LONGEST: usize = 4096;

/// Inputs that were tried, to make others from.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Those that were there from the start stay.
    given: usize,
    inputs: Vec<Vec<u8>>,
}

/// So many inputs are kept that were made.
const MADE: usize = 200;

impl Pool {
    pub(crate) fn new(mut given: Vec<Vec<u8>>) -> Self {
        given.push(Vec::new());
        Self {
            given: given.len(),
            inputs: given,
        }
    }

    /// Makes an input from those that there are.
    pub(crate) fn make(&mut self, dice: &mut Dice, words: &[&str]) -> Vec<u8> {
        let mut input = dice.pick(&self.inputs).clone();
        for _ in 0..=dice.below(6) {
            self.change(&mut input, dice, words);
        }
        input.truncate(LONGEST);
        if dice.percent(5) {
            self.keep(&input, dice);
        }
        input
    }

    fn keep(&mut self, input: &[u8], dice: &mut Dice) {
        if self.inputs.len() < self.given + MADE {
            self.inputs.push(input.to_vec());
        } else {
            let at = self.given + dice.below(MADE);
            self.inputs[at] = input.to_vec();
        }
    }

    fn change(&self, input: &mut Vec<u8>, dice: &mut Dice, words: &[&str]) {
        let at = dice.below(input.len() + 1);
        let end = at + dice.below(input.len() + 1 - at);
        match dice.below(8) {
            0 => drop(input.drain(at..end)),
            1 => {
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
            2 if at < input.len() => input[at] ^= 1 << dice.below(8),
            3 if at < input.len() => input[at] = dice.number() as u8,
            4 => {
                let other = dice.pick(&self.inputs);
                let start = dice.below(other.len() + 1);
                input.splice(at..end, other[start..].iter().copied());
            }
            5 => {
                let other = dice.pick(&self.inputs);
                let lines: Vec<&[u8]> = other.split(|byte| *byte == b'\n').collect();
                let line = [b"\n", *dice.pick(&lines)].concat();
                input.splice(at..at, line);
            }
            _ => {
                let word = dice.pick(words).bytes();
                let end = if dice.percent(50) { at } else { end };
                input.splice(at..end, word);
            }
        }
    }
}

/// The shortest input that can be made from `input` by leaving things out, and for
/// which `fails` still holds.
pub(crate) fn shortened(input: &[u8], fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut shortest = input.to_vec();
    let mut piece = shortest.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < shortest.len() {
            let end = (at + piece).min(shortest.len());
            let without = [&shortest[..at], &shortest[end..]].concat();
            if fails(&without) {
                shortest = without;
            } else {
                at = end;
            }
        }
        piece /= 2;
    }
    shortest
}
