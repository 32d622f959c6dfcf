//! Which certificates of servers are trusted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millimetric_events::ClickHouseUrl;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Why encrypted connections cannot be made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TlsError {
    /// The file of `sslrootcert` cannot be read, or has no certificate.
    #[error("the certificates of sslrootcert in {} cannot be read: {why}", file.display())]
    RootCertificates {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The system names no certificates that it trusts.
    #[error(
        "this system trusts no certificates: install its package of them (ca-certificates), or name a file with sslrootcert"
    )]
    NoneTrusted,
}

/// The settings of encrypted connections; without certificates if the URL wants none.
pub(super) fn config(url: &ClickHouseUrl) -> Result<ClientConfig, TlsError> {
    let mut trusted = RootCertStore::empty();
    match &url.root_certificates {
        Some(file) => trusted.add_parsable_certificates(certificates(file)?),
        None if url.tls => trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
        None => (0, 0),
    };
    if url.tls && trusted.is_empty() {
        return Err(TlsError::NoneTrusted);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    // The provider supports the versions of the library.
    let config = config.map_err(|_| TlsError::NoneTrusted)?;
    Ok(config.with_root_certificates(trusted).with_no_client_auth())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |why: String| TlsError::RootCertificates { file: file.to_owned(), why };
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| failed(error.to_string()))?;
    if certificates.is_empty() { Err(failed("it has none".to_owned())) } else { Ok(certificates) }
}
