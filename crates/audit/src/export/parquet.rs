//! A Parquet file: row groups of columns, each one page and, where few values repeat, a dictionary.
//!
//! Nothing is compressed but by dictionaries. Columns are 64-bit numbers or texts that may be
//! missing; nothing nests. That is what every reader of the format understands.

use std::collections::HashMap;

use super::thrift::{Struct, push_varint};

const MAGIC: &[u8] = b"PAR1";

/// The most values that a dictionary holds; a column with more is written plainly.
const DICTIONARY_VALUES_MAX: usize = 4_096;

// The numbers of the format.
const INT64: i32 = 2;
const BYTE_ARRAY: i32 = 6;
const REQUIRED: i32 = 0;
const OPTIONAL: i32 = 1;
const UTF8: i32 = 0;
const TIMESTAMP_MILLIS: i32 = 9;
const JSON: i32 = 19;
const PLAIN: i32 = 0;
const RLE: i32 = 3;
const RLE_DICTIONARY: i32 = 8;
const UNCOMPRESSED: i32 = 0;
const DATA_PAGE: i32 = 0;
const DICTIONARY_PAGE: i32 = 2;

/// What a column holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Number,
    Moment,
    Text,
    Json,
}

/// The values of one column in the row group that is being gathered.
#[derive(Debug)]
pub(super) struct Column {
    name: &'static str,
    kind: Kind,
    numbers: Vec<u64>,
    /// Texts one after another, each preceded by its length, as they will stand in the page.
    texts: Vec<u8>,
    present: Vec<bool>,
    /// The place of each text in the dictionary, as long as there are few.
    indices: Vec<u32>,
    dictionary: Option<HashMap<Box<str>, u32>>,
    entries: Vec<u8>,
}

impl Column {
    pub(super) fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            numbers: Vec::new(),
            texts: Vec::new(),
            present: Vec::new(),
            indices: Vec::new(),
            dictionary: Some(HashMap::new()),
            entries: Vec::new(),
        }
    }

    pub(super) fn push_number(&mut self, number: u64) {
        self.numbers.push(number);
    }

    pub(super) fn push_text(&mut self, text: Option<&str>) {
        self.present.push(text.is_some());
        let Some(text) = text else { return };
        push_bytes(&mut self.texts, text);
        let Some(dictionary) = &mut self.dictionary else { return };
        let next = u32::try_from(dictionary.len()).unwrap_or(u32::MAX);
        if let Some(index) = dictionary.get(text) {
            self.indices.push(*index);
        } else if dictionary.len() < DICTIONARY_VALUES_MAX {
            dictionary.insert(text.into(), next);
            push_bytes(&mut self.entries, text);
            self.indices.push(next);
        } else {
            self.dictionary = None;
        }
    }

    /// How many bytes it holds.
    pub(super) fn bytes(&self) -> usize {
        self.texts.len() + self.numbers.len() * 8
    }

    fn rows(&self) -> usize {
        self.numbers.len().max(self.present.len())
    }

    fn clear(&mut self) {
        *self = Self::new(self.name, self.kind);
    }

    fn schema(&self) -> Struct {
        let (physical, repetition, converted) = match self.kind {
            Kind::Number => (INT64, REQUIRED, None),
            Kind::Moment => (INT64, REQUIRED, Some(TIMESTAMP_MILLIS)),
            Kind::Text => (BYTE_ARRAY, OPTIONAL, Some(UTF8)),
            Kind::Json => (BYTE_ARRAY, OPTIONAL, Some(JSON)),
        };
        let element = Struct::default().i32(1, physical).i32(3, repetition).text(4, self.name);
        match converted {
            Some(converted) => element.i32(6, converted),
            None => element,
        }
    }

    /// Writes the column's pages and says where they are.
    fn write(&self, out: &mut Vec<u8>, offset: u64) -> Struct {
        let start = out.len();
        let has_dictionary =
            matches!(self.kind, Kind::Text | Kind::Json) && self.dictionary.is_some();
        if has_dictionary {
            let count = self.dictionary.as_ref().map_or(0, HashMap::len);
            let about = Struct::default().i32(1, signed(count)).i32(2, PLAIN);
            push_page(out, DICTIONARY_PAGE, 7, about, &self.entries);
        }
        let data_at = out.len();
        let (values, encoding) = match has_dictionary {
            true => (self.indexed_values(), RLE_DICTIONARY),
            false => (self.plain_values(), PLAIN),
        };
        let about =
            Struct::default().i32(1, signed(self.rows())).i32(2, encoding).i32(3, RLE).i32(4, RLE);
        push_page(out, DATA_PAGE, 5, about, &values);
        let at = |place: usize| i64::try_from(offset + place as u64).unwrap_or(i64::MAX);
        let size = i64::try_from(out.len() - start).unwrap_or(i64::MAX);
        let physical = if self.numbers.is_empty() { BYTE_ARRAY } else { INT64 };
        let meta = Struct::default()
            .i32(1, physical)
            .i32s(2, &[PLAIN, RLE, encoding])
            .texts(3, &[self.name])
            .i32(4, UNCOMPRESSED)
            .i64(5, i64::from(signed(self.rows())))
            .i64(6, size)
            .i64(7, size)
            .i64(9, at(data_at));
        let meta = if has_dictionary { meta.i64(11, at(start)) } else { meta };
        Struct::default().i64(2, at(start)).child(3, meta)
    }

    fn plain_values(&self) -> Vec<u8> {
        if !self.numbers.is_empty() {
            return self.numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        }
        let mut out = self.levels();
        out.extend_from_slice(&self.texts);
        out
    }

    fn indexed_values(&self) -> Vec<u8> {
        let highest = self.indices.iter().copied().max().unwrap_or_default();
        let width = (u32::BITS - highest.leading_zeros()).max(1);
        let mut out = self.levels();
        out.push(u8::try_from(width).unwrap_or(32));
        push_packed(&mut out, &self.indices, width);
        out
    }

    /// Which rows have a value.
    fn levels(&self) -> Vec<u8> {
        let mut packed = Vec::new();
        let bits: Vec<_> = self.present.iter().map(|present| u32::from(*present)).collect();
        push_packed(&mut packed, &bits, 1);
        let length = u32::try_from(packed.len()).unwrap_or(u32::MAX);
        [&length.to_le_bytes()[..], &packed].concat()
    }
}

/// A file that is being written: the rows that are gathered, and what is said of those before.
#[derive(Debug)]
pub(super) struct File {
    pub(super) columns: Vec<Column>,
    offset: u64,
    rows: u64,
    groups: Vec<Struct>,
}

impl File {
    pub(super) fn new(columns: Vec<Column>) -> Self {
        Self { columns, offset: 0, rows: 0, groups: Vec::new() }
    }

    /// The bytes of the rows that are gathered, as a row group. Nothing when there are none.
    pub(super) fn end_group(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.offset == 0 {
            out.extend_from_slice(MAGIC);
        }
        let rows = self.columns.first().map_or(0, Column::rows);
        if rows > 0 {
            let start = out.len();
            let chunks: Vec<_> =
                self.columns.iter().map(|column| column.write(&mut out, self.offset)).collect();
            let size = i64::try_from(out.len() - start).unwrap_or(i64::MAX);
            let rows_signed = i64::from(signed(rows));
            self.groups
                .push(Struct::default().children(1, chunks).i64(2, size).i64(3, rows_signed));
            self.columns.iter_mut().for_each(Column::clear);
            self.rows += rows as u64;
        }
        self.offset += out.len() as u64;
        out
    }

    /// The end of the file.
    pub(super) fn finish(mut self, notes: &[(&str, String)]) -> Vec<u8> {
        let mut out = self.end_group();
        let root = Struct::default().text(4, "record").i32(5, signed(self.columns.len()));
        let schema = std::iter::once(root).chain(self.columns.iter().map(Column::schema)).collect();
        let note = |(name, value): &(&str, String)| Struct::default().text(1, name).text(2, value);
        let meta = Struct::default()
            .i32(1, 1)
            .children(2, schema)
            .i64(3, i64::try_from(self.rows).unwrap_or(i64::MAX))
            .children(4, self.groups)
            .children(5, notes.iter().map(note).collect())
            .text(6, "bakerst")
            .finish();
        let length = u32::try_from(meta.len()).unwrap_or(u32::MAX);
        out.extend(meta);
        out.extend(length.to_le_bytes());
        out.extend_from_slice(MAGIC);
        out
    }
}

fn push_page(out: &mut Vec<u8>, kind: i32, number: u8, about: Struct, body: &[u8]) {
    let size = signed(body.len());
    let header = Struct::default().i32(1, kind).i32(2, size).i32(3, size).child(number, about);
    out.extend(header.finish());
    out.extend_from_slice(body);
}

fn push_bytes(out: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Packs values of so many bits each, the lowest first, in groups of eight.
fn push_packed(out: &mut Vec<u8>, values: &[u32], width: u32) {
    let groups = values.len().div_ceil(8);
    push_varint(out, (groups as u64) << 1 | 1);
    let (mut held, mut bits) = (0_u64, 0);
    let padding = groups * 8 - values.len();
    for value in values.iter().copied().chain(std::iter::repeat_n(0, padding)) {
        held |= u64::from(value) << bits;
        bits += width;
        while bits >= 8 {
            out.push(u8::try_from(held & 0xff).unwrap_or_default());
            held >>= 8;
            bits -= 8;
        }
    }
}

/// A size as the format counts them. Row groups are bounded far below what that can hold.
fn signed(size: usize) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}
