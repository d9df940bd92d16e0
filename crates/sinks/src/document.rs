//! A document behind an address, read whole: for those who need one now and then and have no
//! client of their own.

use std::io;
use std::path::Path;

use hyper::Uri;

use crate::http::Client;
use crate::{ConfigError, Transport};

/// Where a document is.
pub struct Document {
    url: String,
    transport: Transport,
}

impl Document {
    /// The document behind an address: `https`, or plain `http` on this machine. Certificates are
    /// held against `ca_file` where it is given, else against those that the system trusts.
    ///
    /// # Errors
    /// When it is no such address, or certificates cannot be used.
    pub fn at(url: &str, ca_file: Option<&Path>) -> Result<Self, ConfigError> {
        let transport = Transport { ca_file: ca_file.map(Path::to_owned), ..Transport::default() };
        Client::new(url, &transport)?;
        Ok(Self { url: url.to_owned(), transport })
    }

    /// Reads it, if it is no longer than this.
    ///
    /// # Errors
    /// When it cannot be had, or is longer.
    pub async fn fetch(&self, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut client = Client::new(&self.url, &self.transport).map_err(io::Error::other)?;
        let uri: Uri = self.url.parse().map_err(io::Error::other)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let answer = client.get(path).await?;
        if !answer.status.is_success() {
            return Err(io::Error::other(format!("it answers {}", answer.status.as_u16())));
        }
        match answer.body.len() > bytes_max {
            true => Err(io::Error::other(format!("it is longer than {bytes_max} bytes"))),
            false => Ok(answer.body.into()),
        }
    }
}
