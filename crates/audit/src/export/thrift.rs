//! Thrift's compact protocol, as far as Parquet's metadata needs it.

/// A struct that is being written. Fields come in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Struct {
    out: Vec<u8>,
    last: u8,
}

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

impl Struct {
    fn field(&mut self, number: u8, kind: u8) {
        // Parquet's own numbers are never further apart than a header can say.
        self.out.push(number.saturating_sub(self.last) << 4 | kind);
        self.last = number;
    }

    pub(super) fn i32(mut self, number: u8, value: i32) -> Self {
        self.field(number, I32);
        push_zigzag(&mut self.out, i64::from(value));
        self
    }

    pub(super) fn i64(mut self, number: u8, value: i64) -> Self {
        self.field(number, I64);
        push_zigzag(&mut self.out, value);
        self
    }

    pub(super) fn text(mut self, number: u8, value: &str) -> Self {
        self.field(number, BINARY);
        push_text(&mut self.out, value);
        self
    }

    pub(super) fn child(mut self, number: u8, child: Self) -> Self {
        self.field(number, STRUCT);
        self.out.extend(child.finish());
        self
    }

    pub(super) fn children(mut self, number: u8, children: Vec<Self>) -> Self {
        self.list(number, children.len(), STRUCT);
        children.into_iter().for_each(|child| self.out.extend(child.finish()));
        self
    }

    pub(super) fn texts(mut self, number: u8, texts: &[&str]) -> Self {
        self.list(number, texts.len(), BINARY);
        texts.iter().for_each(|text| push_text(&mut self.out, text));
        self
    }

    pub(super) fn i32s(mut self, number: u8, values: &[i32]) -> Self {
        self.list(number, values.len(), I32);
        values.iter().for_each(|value| push_zigzag(&mut self.out, i64::from(*value)));
        self
    }

    fn list(&mut self, number: u8, length: usize, kind: u8) {
        self.field(number, LIST);
        match u8::try_from(length) {
            Ok(short @ ..15) => self.out.push(short << 4 | kind),
            _ => {
                self.out.push(0xf0 | kind);
                push_varint(&mut self.out, length as u64);
            }
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.out.push(0);
        self.out
    }
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    push_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn push_zigzag(out: &mut Vec<u8>, value: i64) {
    push_varint(out, (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned());
}

/// Seven bits a byte, the lowest first.
pub(super) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_is_written_compactly() {
        let inner = Struct::default().i64(2, -1);
        let outer = Struct::default().i32(1, 300).text(4, "ab").child(5, inner).i32s(6, &[1; 15]);
        let want = [
            &[0x15, 0xd8, 0x04, 0x38, 2, b'a', b'b', 0x1c, 0x26, 1, 0, 0x19, 0xf5, 15][..],
            &[2; 15],
            &[0],
        ];
        assert_eq!(outer.finish(), want.concat());
    }
}
