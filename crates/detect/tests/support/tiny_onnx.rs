//! A network of three layers, written as ONNX by hand: a number for each word, their mean, and a
//! straight line to two classes.

/// The words that the network knows, in the shape of a `vocab.txt`.
pub(crate) const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nignore\nprevious\ninstructions\nreveal\n\
    system\nprompt\nfrobozz\n.\nthe\nweather\nis\nfine";
const WORDS: usize = 16;
/// The words of attacks among them.
const ATTACKS: std::ops::Range<usize> = 4..11;

/// What can be varied to break it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TinyNetwork {
    /// How much a word of an attack counts.
    pub(crate) weight: f32,
    /// What its input is called.
    pub(crate) input: &'static str,
}

impl Default for TinyNetwork {
    fn default() -> Self {
        Self { weight: 60.0, input: "input_ids" }
    }
}

impl TinyNetwork {
    /// The file.
    pub(crate) fn to_onnx(self) -> Vec<u8> {
        let numbers =
            (0..WORDS).map(|word| if ATTACKS.contains(&word) { self.weight } else { 0.0 });
        let numbers: Vec<f32> = numbers.collect();
        let graph = [
            node("Gather", &["numbers", self.input], "seen", &[]),
            node("ReduceMean", &["seen"], "mean", &[("axes", &[1]), ("keepdims", &[0])]),
            node("MatMul", &["mean", "line"], "leaning", &[]),
            node("Add", &["leaning", "bias"], "logits", &[]),
            text(2, "tiny"),
            tensor("numbers", &[WORDS, 1], &numbers),
            tensor("line", &[1, 2], &[0.0, 1.0]),
            // A sentence leans to the second class once about a quarter of it are words of attacks.
            tensor(
                "bias",
                &[2],
                &[0.0, if self.weight == 0.0 { 0.0 } else { -self.weight.abs() / 4.0 }],
            ),
            message(11, &value(self.input, 7, &["batch", "words"])),
            message(12, &value("logits", 1, &["batch", "classes"])),
        ];
        let opset = [text(1, ""), number(2, 13)].concat();
        [number(1, 8), message(7, &graph.concat()), message(8, &opset)].concat()
    }
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, &[u64])]) -> Vec<u8> {
    let mut body: Vec<u8> = inputs.iter().flat_map(|name| text(1, name)).collect();
    body.extend([text(2, output), text(4, operator)].concat());
    for (name, values) in attributes {
        // A list is of the kind 7 and stands in field 8, a single number of the kind 2 in field 3.
        let list = *name == "axes";
        let field = if list { 8 } else { 3 };
        let values: Vec<u8> = values.iter().flat_map(|value| number(field, *value)).collect();
        body.extend(message(
            5,
            &[text(1, name), values, number(20, if list { 7 } else { 2 })].concat(),
        ));
    }
    message(1, &body)
}

/// A constant of 32-bit floating-point numbers.
fn tensor(name: &str, shape: &[usize], values: &[f32]) -> Vec<u8> {
    let mut body: Vec<u8> = shape.iter().flat_map(|size| number(1, *size as u64)).collect();
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    body.extend([number(2, 1), text(8, name), message(9, &bytes)].concat());
    message(5, &body)
}

/// An input or output: its name, the type of its elements, its sizes by name.
fn value(name: &str, element: u64, sizes: &[&str]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes.iter().flat_map(|size| message(1, &text(2, size))).collect();
    let tensor = [number(1, element), message(2, &sizes)].concat();
    [text(1, name), message(2, &message(1, &tensor))].concat()
}

fn text(field: u64, text: &str) -> Vec<u8> {
    message(field, text.as_bytes())
}

fn message(field: u64, body: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(body.len() as u64), body.to_vec()].concat()
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}
