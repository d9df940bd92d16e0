//! Where an issuer's keys are: behind an address, or in a file.

use std::path::PathBuf;
use std::sync::Arc;

use bakerst_model::{Code, KeySource, Pending};
use bakerst_sinks::Document;

use crate::config::Jwt;
use crate::failure::Failure;

/// Where the keys of the issuer in a configuration are.
pub(crate) fn source(jwt: &Jwt) -> Result<Arc<dyn KeySource>, Failure> {
    match (&jwt.keys_url, &jwt.keys_file) {
        (Some(url), _) => {
            let document = Document::at(url, jwt.ca_file.as_deref());
            let document =
                document.map_err(|error| Failure::usage(Code::ConfigValue, error.to_string()))?;
            Ok(Arc::new(Behind(document)))
        }
        (None, file) => Ok(Arc::new(InFile(file.clone().unwrap_or_default()))),
    }
}

struct Behind(Document);

impl KeySource for Behind {
    fn fetch(&self, bytes_max: usize) -> Pending<'_, Result<Vec<u8>, String>> {
        Box::pin(async move { self.0.fetch(bytes_max).await.map_err(|error| error.to_string()) })
    }
}

struct InFile(PathBuf);

impl KeySource for InFile {
    fn fetch(&self, bytes_max: usize) -> Pending<'_, Result<Vec<u8>, String>> {
        Box::pin(async move {
            use std::io::Read as _;
            let mut bytes = Vec::new();
            let most = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
            let read = std::fs::File::open(&self.0)
                .and_then(|file| file.take(most).read_to_end(&mut bytes));
            read.map(|_| bytes).map_err(|error| error.to_string())
        })
    }
}
