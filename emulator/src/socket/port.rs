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
    /// Bound but not listening: connections are refused, and no other process gets the port.
    reserved: Option<TcpSocket>,
}

impl Port {
    /// Binds `port`, or any free one for 0. Refuses connections until [`open`](Self::open).
    pub(crate) fn reserve(port: u16) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        // A chosen port may still have connections of the program's last run in TIME_WAIT.
        socket.set_reuseaddr(port != 0)?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        Ok(Self {
            address: socket.local_addr()?,
            tasks: JoinSet::new(),
            reserved: Some(socket),
        })
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Accepts connections from now on. Does nothing if it does so already.
    pub(crate) fn open(&mut self, handler: impl Handler) -> io::Result<()> {
        if self.tasks.is_empty() {
            let socket = match self.reserved.take() {
                Some(socket) => socket,
                None => bind_again(self.address)?,
            };
            // Accepted connections inherit this. Without it, closed ones would block the port for a
            // minute.
            socket.set_reuseaddr(true)?;
            let listener = socket.listen(1024)?;
            self.tasks.spawn(accept(listener, handler));
        }
        Ok(())
    }

    /// Ends all connections, and refuses new ones.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        self.tasks.shutdown().await;
        if self.reserved.is_none() {
            self.reserved = Some(bind_again(self.address)?);
        }
        Ok(())
    }
}

fn bind_again(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    // While neither listens, two sockets that both set SO_REUSEADDR can share a port. Clearing it
    // keeps other processes out.
    socket.set_reuseaddr(false)?;
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
