//! TLS, by rustls with ring.
//!
//! Certificates are held against those that the system trusts, so that a company's own authority is
//! known without further ado and one that was withdrawn goes with the next update; or against a
//! file, and then against nothing else.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Transport;

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file has none, or cannot be read.
    #[error("cannot use `{path}`: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The system trusts nobody.
    #[error(
        "the system has no certificates to trust: install `ca-certificates`, or name a `ca_file`"
    )]
    NoRoots,
    /// A certificate without its key, or the other way round.
    #[error("`certificate_file` and `key_file` go together")]
    HalfAPair,
    /// They do not fit together.
    #[error("the certificate cannot be used: {0}")]
    Unfit(rustls::Error),
    /// The host's name cannot be in a certificate.
    #[error("`{0}` is no name or address that a certificate could be for")]
    Name(String),
}

/// Opens TLS connections to one host: for sinks, and for whoever else calls strangers.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// Connections to this host, with the certificates that the transport names.
    ///
    /// # Errors
    /// When the host has no name that a certificate could be for, or certificates cannot be used.
    pub fn new(host: &str, transport: &Transport) -> Result<Self, TlsError> {
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name).map_err(|_| TlsError::Name(host.to_owned()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unfit)?
            .with_root_certificates(roots(transport)?);
        let config = match (&transport.certificate_file, &transport.key_file) {
            (None, None) => builder.with_no_client_auth(),
            (Some(certificate), Some(key)) => builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(TlsError::Unfit)?,
            _ => return Err(TlsError::HalfAPair),
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    /// Shakes hands over an open connection.
    ///
    /// # Errors
    /// When the other side is not who it should be, or breaks off.
    pub async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

fn roots(transport: &Transport) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match &transport.ca_file {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| bad_file(path, &error.to_string()))?;
            }
        }
        None => {
            // Some of the system's may be unreadable to us; the others do.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| bad_file(path, &error.to_string()))?;
    match certificates.is_empty() {
        true => Err(bad_file(path, "there is no certificate in it")),
        false => Ok(certificates),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    // What the reader says of a key that it cannot read has nothing of the key in it.
    PrivateKeyDer::from_pem_file(path).map_err(|error| bad_file(path, &error.to_string()))
}

fn bad_file(path: &Path, why: &str) -> TlsError {
    TlsError::File { path: path.to_owned(), why: why.to_owned() }
}
