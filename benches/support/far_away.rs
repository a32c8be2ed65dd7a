//! A TLS server a round trip away, in front of one on loopback.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate authority, and its certificate for 127.0.0.1.
pub struct Authority {
    pub pem: String,
    acceptor: TlsAcceptor,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "the bench's authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(["127.0.0.1".to_owned()])
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(leaf)],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        Self {
            pem: issuer.pem(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }
}

/// A listener and its origin, before the backend is known.
pub async fn reserve() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    (listener, origin)
}

/// Serves what `backend` (`http://host:port`) serves, a round trip away.
pub fn serve(listener: TcpListener, authority: &Authority, backend: &str, round_trip: Duration) {
    let backend: SocketAddr = backend.trim_start_matches("http://").parse().unwrap();
    let acceptor = authority.acceptor.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                client.set_nodelay(true).unwrap();
                // The wire between client and server: encrypted bytes, so that the handshake
                // travels as well.
                let (near, far) = tokio::io::duplex(1 << 20);
                tokio::spawn(wire(client, near, round_trip));
                let Ok(mut tls) = acceptor.accept(far).await else {
                    return;
                };
                let mut server = TcpStream::connect(backend).await.unwrap();
                server.set_nodelay(true).unwrap();
                let _ = copy_bidirectional(&mut tls, &mut server).await;
            });
        }
    });
}

/// Forwards to `backend` as it is, a round trip away.
#[allow(dead_code, reason = "not every bench has a server without TLS")]
pub fn forward(listener: TcpListener, backend: SocketAddr, round_trip: Duration) {
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                client.set_nodelay(true).unwrap();
                let server = TcpStream::connect(backend).await.unwrap();
                server.set_nodelay(true).unwrap();
                wire(client, server, round_trip).await;
            });
        }
    });
}

/// Each byte arrives half a round trip after it was sent. A connection on loopback is there at
/// once, so the client's first bytes pay the round trip that opening one would have taken.
async fn wire(client: TcpStream, server: impl AsyncRead + AsyncWrite, round_trip: Duration) {
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = tokio::io::split(server);
    tokio::join!(
        carry(client_reads, server_writes, round_trip / 2, round_trip),
        carry(server_reads, client_writes, round_trip / 2, Duration::ZERO),
    );
}

async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    travel: Duration,
    opening: Duration,
) {
    let (sender, mut underway) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let open = Instant::now() + opening;
    let read = async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let arrival = open.max(Instant::now()) + travel;
            sender.send((arrival, buffer[..read].to_vec())).unwrap();
        }
    };
    let write = async move {
        while let Some((arrival, bytes)) = underway.recv().await {
            tokio::time::sleep_until(arrival).await;
            if to.write_all(&bytes).await.is_err() || to.flush().await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}
