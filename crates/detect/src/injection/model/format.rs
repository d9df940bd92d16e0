//! The file that a model is kept in, and the test that it must pass to be used.
//!
//! All numbers are little-endian. The head comes first and is small; the rows follow, one byte a
//! number. A checksum guards against a file that was cut or edited.

use super::{Head, KINDS, Model};
use crate::injection::features::{ROW_BITS, WIDTH};
use crate::injection::judge::{self, JudgeError};

const MAGIC: &[u8; 8] = b"BKSTINJ2";
const HEAD_NUMBERS: usize = 1 + 4 * WIDTH + 1 + KINDS * WIDTH + KINDS + 5;
const ROWS: usize = 1 << ROW_BITS;

/// Why a model is not used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// Not a model, or one of another shape.
    #[error("not an injection model of this version: expected {want} bytes, got {got}")]
    Shape {
        /// How long a model is.
        want: usize,
        /// How long this is.
        got: usize,
    },
    /// Cut or edited.
    #[error("the injection model's checksum does not match its content")]
    Checksum,
    /// A number that no training yields.
    #[error("the injection model holds a number that is not finite")]
    NotFinite,
    /// It does not tell an attack from plain text.
    #[error("the injection model {0}")]
    SelfTest(#[from] JudgeError),
}

/// A model taken apart, as training yields it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelParts {
    /// Everything but the rows.
    pub head: Head,
    /// One row for each feature.
    pub rows: Vec<[i8; WIDTH]>,
}

impl ModelParts {
    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let mut put = |number: f32| body.extend_from_slice(&number.to_le_bytes());
        let head = &self.head;
        put(head.step);
        [head.unit_bias, head.wide_bias, head.out].as_flattened().iter().for_each(|n| put(*n));
        head.line.iter().for_each(|n| put(*n));
        put(head.bias);
        head.kinds.as_flattened().iter().for_each(|n| put(*n));
        head.kind_bias.iter().for_each(|n| put(*n));
        head.calibration.iter().chain(&head.thresholds).for_each(|n| put(*n));
        body.extend(self.rows.as_flattened().iter().map(|n| n.to_le_bytes()[0]));
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&checksum(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }
}

impl Model {
    /// The model that this crate carries.
    ///
    /// # Errors
    /// When it does not pass its self-test, which a build with a broken file would not.
    pub fn embedded() -> Result<Self, ModelError> {
        Self::parse(include_bytes!("../../../data/injection.bin"))
    }

    /// Reads a model and puts it to its self-test.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        let want = MAGIC.len() + 8 + 4 * HEAD_NUMBERS + ROWS * WIDTH;
        let shape = ModelError::Shape { want, got: bytes.len() };
        let rest =
            bytes.strip_prefix(MAGIC).filter(|_| bytes.len() == want).ok_or(shape.clone())?;
        let (sum, body) = rest.split_first_chunk::<8>().ok_or(shape.clone())?;
        if u64::from_le_bytes(*sum) != checksum(body) {
            return Err(ModelError::Checksum);
        }
        let (head, rows) = body.split_at_checked(4 * HEAD_NUMBERS).ok_or(shape)?;
        let mut numbers = head.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
        let head = read_head(&mut numbers).filter(|_| finite(head)).ok_or(ModelError::NotFinite)?;
        let rows = rows.as_chunks::<WIDTH>().0;
        let rows: Vec<[i8; WIDTH]> =
            rows.iter().map(|row| row.map(|b| i8::from_le_bytes([b]))).collect();
        let model = Self { rows: rows.into(), head };
        judge::self_test(&model)?;
        Ok(model)
    }
}

fn finite(head: &[u8]) -> bool {
    head.as_chunks::<4>().0.iter().all(|b| f32::from_le_bytes(*b).is_finite())
}

fn read_head(numbers: &mut impl Iterator<Item = f32>) -> Option<Head> {
    fn row<const N: usize>(numbers: &mut impl Iterator<Item = f32>) -> Option<[f32; N]> {
        let mut row = [0.0; N];
        for value in &mut row {
            *value = numbers.next()?;
        }
        Some(row)
    }
    fn rows<const N: usize, const M: usize>(
        numbers: &mut impl Iterator<Item = f32>,
    ) -> Option<[[f32; N]; M]> {
        let mut rows = [[0.0; N]; M];
        for value in &mut rows {
            *value = row(numbers)?;
        }
        Some(rows)
    }
    Some(Head {
        step: numbers.next()?,
        unit_bias: row(numbers)?,
        wide_bias: row(numbers)?,
        out: row(numbers)?,
        line: row(numbers)?,
        bias: numbers.next()?,
        kinds: rows(numbers)?,
        kind_bias: row(numbers)?,
        calibration: row(numbers)?,
        thresholds: row(numbers)?,
    })
}

fn checksum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mix =
        |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let sum = words.iter().fold(0, |sum, word| mix(sum, u64::from_le_bytes(*word)));
    rest.iter().fold(sum, |sum, byte| mix(sum, u64::from(*byte)))
}
