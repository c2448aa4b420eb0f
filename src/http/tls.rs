//! TLS on the port, from files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{self, ServerConfig};

/// The files of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate, and those that vouch for it, as PEM.
    pub certificate: PathBuf,
    /// Its key, as PEM.
    pub key: PathBuf,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {problem}; {key} must name a file of PEM that the daemon may read", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The key that names it.
        key: &'static str,
        /// What went wrong.
        problem: String,
    },
    /// Certificate and key do not fit, or are of an unknown kind.
    #[error("{} and {} cannot be used: {problem} (http.certificate_file, http.key_file)", certificate.display(), key.display())]
    Pair {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// What went wrong.
        problem: rustls::Error,
    },
}

/// Reads the files.
///
/// # Errors
/// When one of them cannot be read, or they do not fit.
pub(super) fn acceptor(settings: &TlsSettings) -> Result<TlsAcceptor, TlsError> {
    let TlsSettings { certificate, key } = settings;
    let chain = read(certificate, "http.certificate_file", |bytes| {
        CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>().and_then(|chain| match chain.is_empty() {
            true => Err(rustls_pki_types::pem::Error::NoItemsFound),
            false => Ok(chain),
        })
    })?;
    let private = read(key, "http.key_file", PrivateKeyDer::from_pem_slice)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private));
    let mut config =
        config.map_err(|problem| TlsError::Pair { certificate: certificate.clone(), key: key.clone(), problem })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read<T>(
    file: &Path,
    key: &'static str,
    parse: impl FnOnce(&[u8]) -> Result<T, rustls_pki_types::pem::Error>,
) -> Result<T, TlsError> {
    const MAX_BYTES: u64 = 1 << 20;
    let read = || {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(std::fs::File::open(file)?, MAX_BYTES), &mut bytes)?;
        io::Result::Ok(bytes)
    };
    let refused = |problem: String| TlsError::File { file: file.to_owned(), key, problem };
    let bytes = read().map_err(|problem| refused(problem.to_string()))?;
    parse(&bytes).map_err(|problem| refused(problem.to_string()))
}
