//! A fleet that starts together and lives for hours.

use super::{Fleet, built};
use aws_credential_types::provider::ProvideCredentials;
use futures_util::future::join_all;
use std::time::Duration;

const INSTANCES: usize = 1000;

#[tokio::test]
async fn a_thousand_instances_make_one_exchange_for_each_session() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let builder = fleet.builder().session_cache(memory.clone());
    let mut instances = Vec::with_capacity(INSTANCES);
    for _ in 0..INSTANCES {
        instances.push(built(builder.clone()).await);
    }
    let cold = join_all(instances.iter().map(|instance| instance.session()));
    let (cold, took) = fleet.clock.run_until(cold).await;
    cold.into_iter().for_each(|session| drop(session.unwrap()));
    assert_eq!(fleet.exchanges(), 1);
    assert!(took < Duration::from_secs(3), "{took:?}");
    let minute = Duration::from_secs(60);
    for passed in 1..=150 {
        fleet.clock.run_for(minute).await;
        for instance in &instances {
            let credentials = instance.provide_credentials().await.unwrap();
            assert!(credentials.expiry().unwrap() > fleet.clock.now());
        }
        if passed % 10 == 0 {
            fleet.emulator.look();
        }
    }
    // The first one renews a session 42 min into its hour at the earliest: 3 times in 150 min.
    let exchanges = fleet.exchanges();
    println!("{INSTANCES} instances, 150 min, sessions of 60 min: {exchanges} exchanges");
    assert!((4..=5).contains(&exchanges), "{exchanges}");
}
