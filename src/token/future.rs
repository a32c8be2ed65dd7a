//! The futures that the traits of the stages return: opaque, with `new` and `ready`, like
//! [`aws_credential_types::provider::future`].

macro_rules! named_future {
    ($(#[$doc:meta])* $name:ident -> $output:ty) => {
        $(#[$doc])*
        #[must_use = "futures do nothing unless polled"]
        #[derive(Debug)]
        pub struct $name<'a>(
            ::aws_smithy_async::future::now_or_later::NowOrLater<
                Result<$output, $crate::error::Error>,
                ::aws_smithy_async::future::now_or_later::BoxFuture<
                    'a,
                    Result<$output, $crate::error::Error>,
                >,
            >,
        );

        impl<'a> $name<'a> {
            /// Makes it from a future.
            pub fn new(
                future: impl Future<Output = Result<$output, $crate::error::Error>> + Send + 'a,
            ) -> Self {
                Self(::aws_smithy_async::future::now_or_later::NowOrLater::new(Box::pin(future)))
            }

            /// Makes it from a value that is already there.
            pub fn ready(result: Result<$output, $crate::error::Error>) -> Self {
                Self(::aws_smithy_async::future::now_or_later::NowOrLater::ready(result))
            }
        }

        impl Future for $name<'_> {
            type Output = Result<$output, $crate::error::Error>;

            fn poll(
                mut self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<Self::Output> {
                ::std::pin::Pin::new(&mut self.0).poll(cx)
            }
        }
    };
}
pub(crate) use named_future;

named_future! {
    /// What [`ProvideIdToken::provide_id_token`](crate::ProvideIdToken::provide_id_token) returns.
    ProvideIdToken -> crate::token::IdToken
}
named_future! {
    /// What [`ProvideIdToken::identity`](crate::ProvideIdToken::identity) returns.
    ProvideIdentity -> Option<crate::token::Identity>
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
