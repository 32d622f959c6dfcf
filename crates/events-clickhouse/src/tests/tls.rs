//! Encrypted connections: a proxy in front of the server ends them, as one does before most installations.

use std::path::PathBuf;
use std::sync::Arc;

use millimetric_events::EventStore as _;
use millimetric_events::suite::ids;
use millimetric_events::suite::sample::{event, scope};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::engine::{OnClickHouse, with_url};
use crate::{ClickHouseStore, Options};

/// Accepts encrypted connections for a server, with a certificate that it writes to a file.
async fn proxy(to: String, folder: &TempDir) -> (u16, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((accepted, _)) = listener.accept().await {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                // A client that does not trust the certificate ends the connection.
                let Ok(mut encrypted) = acceptor.accept(accepted).await else { return };
                let mut server = TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut encrypted, &mut server).await;
            });
        }
    });
    (port, file)
}

#[tokio::test]
async fn connections_are_encrypted_and_the_certificate_is_checked() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let folder = TempDir::new().unwrap();
    let (port, file) = proxy(engine.url.hosts[0].clone(), &folder).await;
    let trusting = |root_certificates| {
        with_url(&engine.url, |url| {
            url.hosts = vec![format!("localhost:{port}")];
            url.tls = true;
            url.root_certificates = root_certificates;
        })
    };
    let store = ClickHouseStore::open(&trusting(Some(file)), Options::default()).await.unwrap();
    store.append(scope(1), vec![event("a")]).await.unwrap();
    assert_eq!(ids(&store, scope(1)).await, ["a"]);

    let unknown = ClickHouseStore::open(&trusting(None), Options::default()).await.err().unwrap();
    assert!(unknown.to_string().contains("no connection"), "{unknown}");
    let missing = folder.path().join("missing.pem");
    let missing = ClickHouseStore::open(&trusting(Some(missing)), Options::default()).await.err().unwrap();
    assert!(missing.to_string().contains("missing.pem cannot be read"), "{missing}");
}
