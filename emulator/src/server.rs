//! The servers on loopback: which there are, and the ports that they listen on.

use super::desk::Desk;
use super::records::{Call, decoded_path};
use super::socket::FaultyStream;
use super::token_endpoint::OF_WORKFORCE;
use super::{google_metadata, iam, jwks};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// A server with a port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Site {
    Metadata,
    Token,
    Iam,
    Jwks,
    Sts,
}

impl Site {
    pub(super) const ALL: [Self; 5] = [
        Self::Metadata,
        Self::Token,
        Self::Iam,
        Self::Jwks,
        Self::Sts,
    ];

    /// The server of a hop; none for [`Call::Other`].
    pub(super) fn of(hop: Call) -> Option<Self> {
        match hop {
            Call::MetadataIdentity | Call::MetadataToken | Call::MetadataEmail => {
                Some(Self::Metadata)
            }
            Call::TokenEndpoint => Some(Self::Token),
            Call::SignJwt | Call::GenerateIdToken | Call::GenerateAccessToken => Some(Self::Iam),
            Call::Jwks => Some(Self::Jwks),
            Call::Sts => Some(Self::Sts),
            Call::Other => None,
        }
    }

    pub(super) fn hop(self, head: &http::request::Parts) -> Call {
        let path = decoded_path(&head.uri);
        match self {
            Self::Metadata => {
                let query = head.uri.query().unwrap_or_default();
                google_metadata::hop(&path, query.contains("recursive="))
            }
            Self::Token if path == "/token" || path == OF_WORKFORCE => Call::TokenEndpoint,
            Self::Iam => iam::hop(&path),
            Self::Jwks => jwks::hop(&path),
            Self::Sts if path == "/" => Call::Sts,
            Self::Token | Self::Sts => Call::Other,
        }
    }
}

/// A port on loopback and the tasks that serve it, which end when this is dropped.
pub(super) struct Port {
    address: SocketAddr,
    tasks: JoinSet<()>,
    /// Bound but not listening: connections are refused, and nobody else takes the port.
    reserved: Option<TcpSocket>,
}

impl Port {
    /// A free port, refusing connections until [`open`](Self::open).
    pub(super) fn reserve() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self {
            address: socket.local_addr()?,
            tasks: JoinSet::new(),
            reserved: Some(socket),
        })
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn open(&mut self, site: Site, desk: &Arc<Desk>) -> io::Result<()> {
        if self.tasks.is_empty() {
            let socket = match self.reserved.take() {
                Some(socket) => socket,
                None => bound_again(self.address)?,
            };
            // The connections inherit it: without it those that have ended would keep the port taken for a minute.
            socket.set_reuseaddr(true)?;
            let listener = socket.listen(1024)?;
            self.tasks.spawn(serve(listener, site, desk.clone()));
        }
        Ok(())
    }

    /// Ends all connections, and refuses new ones.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        self.tasks.shutdown().await;
        if self.reserved.is_none() {
            self.reserved = Some(bound_again(self.address)?);
        }
        Ok(())
    }
}

fn bound_again(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    // Two sockets that both allow it may have the same port as long as neither listens; here nobody else may.
    socket.set_reuseaddr(false)?;
    Ok(socket)
}

async fn serve(listener: TcpListener, site: Site, desk: Arc<Desk>) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    connections.spawn(converse(stream, site, desk.clone()));
                }
                // Out of file descriptors, or a connection gone before it was accepted.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn converse(stream: TcpStream, site: Site, desk: Arc<Desk>) {
    let (stream, wire) = FaultyStream::new(stream);
    let service = service_fn(|request| async {
        let reply = desk.answer(site, request, &wire).await;
        Ok::<_, Infallible>(reply.into_response())
    });
    // A connection that ends in an error is a fault that was ordered, or a client that went away.
    let _ = hyper::server::conn::http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
