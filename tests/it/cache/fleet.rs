//! A fleet that starts together and lives for hours.

use super::Fleet;
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
    for index in 0..INSTANCES {
        instances.push(builder.clone().build().await.unwrap());
        if index % 100 == 0 {
            fleet.emulator.look();
        }
    }
    let cold = join_all(instances.iter().map(|instance| instance.session()));
    let (cold, took) = fleet.clock.run_until(cold).await;
    cold.into_iter().for_each(|session| drop(session.unwrap()));
    assert_eq!(fleet.exchanges(), 1);
    assert!(took < Duration::from_secs(3), "{took:?}");
    fleet.emulator.look();
    let step = Duration::from_secs(180);
    for _ in 0..25 {
        fleet.clock.run_for(step).await;
        for instance in &instances {
            let credentials = instance.provide_credentials().await.unwrap();
            assert!(credentials.expiry().unwrap() > fleet.clock.now());
        }
        fleet.emulator.look();
    }
    // The first one renews the session 42 min into its hour at the earliest; the others take what
    // it stored. So there is one more exchange in 75 min.
    let exchanges = fleet.exchanges();
    println!("{INSTANCES} instances, 75 min, sessions of 60 min: {exchanges} exchanges");
    assert_eq!(exchanges, 2);
}
