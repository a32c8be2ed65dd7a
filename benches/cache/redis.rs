//! `RedisCache` over a real server, 50 ms away.

use super::{Far, ROUND_TRIP, far_away, milliseconds, support};
use aws_google_web_identity::{RedisCache, Sealed, SealingKey, SessionCache};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};

const ROUNDS: usize = 15;

struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    async fn start(program: &Path) -> Self {
        let any = (Ipv4Addr::LOCALHOST, 0);
        let address = TcpListener::bind(any).await.unwrap().local_addr().unwrap();
        let mut command = Command::new(program);
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--port", &address.port().to_string()])
            .stdout(Stdio::null());
        // Taken out of its package, its libraries are beside it.
        if let Some(libraries) = program.ancestors().nth(2).map(|it| it.join("lib"))
            && libraries.is_dir()
        {
            command.env("LD_LIBRARY_PATH", libraries.join("x86_64-linux-gnu"));
        }
        let process = command.spawn().unwrap();
        let server = Self { process, address };
        for _ in 0..100 {
            if TcpStream::connect(address).await.is_ok() {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("redis-server does not start");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("REDIS_SERVER") {
        return Some(program.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join("redis-server"))
        .find(|program| program.is_file())
}

pub async fn bench(far: &Far, without: f64) {
    let Some(program) = program() else {
        println!("cache, RedisCache: skipped; there is no redis-server, name one in REDIS_SERVER");
        return;
    };
    let server = Server::start(&program).await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    far_away::forward(listener, server.address, ROUND_TRIP);
    let (mut connects, mut hits) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let start = Instant::now();
        let redis = RedisCache::connect(&*url).await.unwrap();
        let connect = start.elapsed();
        let cache = Sealed::new(redis, SealingKey::local([7; 32]));
        let cache: Arc<dyn SessionCache> = Arc::new(cache);
        let hit = far.first_credentials(Some(cache)).await;
        // The first one stores what the others load.
        if round > 0 {
            connects.push(connect);
            hits.push(hit);
        }
    }
    let [connect, hit] = [connects, hits].map(|mut times| {
        times.sort();
        milliseconds(times[times.len() / 2])
    });
    let round_trips = hit / milliseconds(ROUND_TRIP);
    println!(
        "cache, RedisCache, sealed: {hit:.1} ms, {:.1} times as fast; connecting {connect:.1} ms",
        without / hit
    );
    let what = "cache, RedisCache: round trips of a hit";
    support::verdict(what, round_trips, 2.0);
}
