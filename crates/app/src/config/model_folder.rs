//! A folder with a model, as a policy names it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bakerst_detect::injection::judge::ModelFiles;

/// Reads the network and its tokenizer, neither longer than `bytes_max`.
pub(super) fn read(folder: &Path, bytes_max: usize) -> Result<ModelFiles, String> {
    let network = bounded(&folder.join("model.onnx"), bytes_max)?;
    let whole = folder.join("tokenizer.json");
    let tokenizer = if whole.exists() { whole } else { folder.join("vocab.txt") };
    let text = String::from_utf8(bounded(&tokenizer, bytes_max)?);
    let tokenizer = text.map_err(|_| format!("`{}` is not valid UTF-8", tokenizer.display()))?;
    Ok(ModelFiles { network, tokenizer })
}

fn bounded(file: &Path, bytes_max: usize) -> Result<Vec<u8>, String> {
    let unreadable = |e: std::io::Error| format!("cannot read `{}`: {e}", file.display());
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(unreadable)?;
    opened.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > bytes_max {
        let file = file.display();
        return Err(format!("`{file}` is longer than `model_bytes_max` allows ({bytes_max})"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_read_within_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert!(read(path, 10).unwrap_err().contains("model.onnx"));
        std::fs::write(path.join("model.onnx"), [0; 10]).unwrap();
        assert!(read(path, 10).unwrap_err().contains("vocab.txt"));
        std::fs::write(path.join("vocab.txt"), "a\nb").unwrap();
        assert_eq!(read(path, 10).unwrap().tokenizer, "a\nb");
        assert!(read(path, 9).unwrap_err().contains("`model_bytes_max` allows (9)"));
        std::fs::write(path.join("tokenizer.json"), [0xff]).unwrap();
        assert!(read(path, 10).unwrap_err().contains("not valid UTF-8"));
    }
}
