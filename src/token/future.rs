//! The futures that the traits of this crate return: opaque, with `new` and `ready`, like
//! [`aws_credential_types::provider::future`].

use crate::error::Error;
use aws_smithy_async::future::now_or_later::{BoxFuture, NowOrLater};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

macro_rules! named_future {
    ($(#[$doc:meta])* $name:ident -> $output:ty) => {
        $(#[$doc])*
        #[must_use = "futures do nothing unless polled"]
        #[derive(Debug)]
        pub struct $name<'a>(
            NowOrLater<Result<$output, Error>, BoxFuture<'a, Result<$output, Error>>>,
        );

        impl<'a> $name<'a> {
            /// Makes it from a future.
            pub fn new(future: impl Future<Output = Result<$output, Error>> + Send + 'a) -> Self {
                Self(NowOrLater::new(Box::pin(future)))
            }

            /// Makes it from a value that is already there.
            pub fn ready(result: Result<$output, Error>) -> Self {
                Self(NowOrLater::ready(result))
            }
        }

        impl Future for $name<'_> {
            type Output = Result<$output, Error>;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                Pin::new(&mut self.0).poll(cx)
            }
        }
    };
}

named_future! {
    /// What [`ProvideIdToken::provide_id_token`](crate::ProvideIdToken::provide_id_token) returns.
    ProvideIdToken -> crate::token::IdToken
}
named_future! {
    /// What [`ProvideAccessToken::provide_access_token`](crate::ProvideAccessToken::provide_access_token) returns.
    ProvideAccessToken -> crate::token::AccessToken
}
named_future! {
    /// What [`SignJwt::issuer`](crate::SignJwt::issuer) returns.
    Issuer -> crate::names::ServiceAccountEmail
}
named_future! {
    /// What [`SignJwt::sign_jwt`](crate::SignJwt::sign_jwt) returns.
    SignJwt -> crate::token::SignedJwt
}
