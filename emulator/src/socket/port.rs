//! One server's port: it can be closed and opened again under the same number.

use super::fault::Fault;
use super::stream::FaultyStream;
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// Answers the requests of a port.
pub(crate) trait Handler: Clone + Send + Sync + 'static {
    /// The body of its responses.
    type Body: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// The response, and how its connection fails.
    fn handle(
        &self,
        request: http::Request<Incoming>,
    ) -> impl Future<Output = (http::Response<Self::Body>, Option<Fault>)> + Send;
}

/// A port on loopback and the tasks that serve it. Dropping it ends them.
pub(crate) struct Port {
    address: SocketAddr,
    tasks: JoinSet<()>,
    /// Bound for as long as this exists, and never listening. While no other socket listens,
    /// connections are refused, and no outgoing connection takes the port.
    _reserved: TcpSocket,
}

impl Port {
    /// Binds `port`, or any free one for 0. Refuses connections until [`open`](Self::open).
    pub(crate) fn reserve(port: u16) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if port != 0 {
            // A socket that shares the port would not notice another program that serves it.
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
        }
        let reserved = shared_socket(address)?;
        Ok(Self {
            address: reserved.local_addr()?,
            tasks: JoinSet::new(),
            _reserved: reserved,
        })
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Accepts connections from now on. Does nothing if it does so already.
    pub(crate) fn open(&mut self, handler: impl Handler) -> io::Result<()> {
        if self.tasks.is_empty() {
            let listener = shared_socket(self.address)?.listen(1024)?;
            self.tasks.spawn(accept(listener, handler));
        }
        Ok(())
    }

    /// Ends all connections, and refuses new ones.
    pub(crate) async fn close(&mut self) {
        self.tasks.shutdown().await;
    }
}

/// A socket that shares its address with others of this user. Accepted connections inherit that, so
/// closed ones do not block the port for a minute.
fn shared_socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    #[cfg(unix)]
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn accept(listener: TcpListener, handler: impl Handler) {
    // Dropped with this task, which ends the connections.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    connections.spawn(serve(stream, handler.clone()));
                }
                // No file descriptors left, or the client closed the connection before it was
                // accepted.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn serve(stream: TcpStream, handler: impl Handler) {
    let (stream, writer) = FaultyStream::new(stream);
    let service = service_fn(|request| async {
        let (response, fault) = handler.handle(request).await;
        if let Some(fault) = fault {
            match fault.plan() {
                Some(plan) => writer.plan(plan.clone()),
                None => std::future::pending().await,
            }
        } else {
            writer.plan_healthy();
        }
        Ok::<_, Infallible>(response)
    });
    // An error here is an injected fault, or a client that closed the connection.
    let _ = hyper::server::conn::http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
