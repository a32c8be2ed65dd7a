//! What application default credentials are, for logs and checks.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::google::application_default::ApplicationDefault;
use crate::google::application_default::adc_file::CredentialsFile;
use crate::google::application_default::place::{Place, looked};
use crate::google::application_default::target::Target;
use crate::google::metadata_server::MetadataServer;
use crate::server::Server;

/// What [`ApplicationDefault`] uses here: the place and type of the credentials, the account, and
/// the servers that are called. It never holds a secret.
#[derive(Clone, Debug)]
pub struct DefaultIdentity {
    place: String,
    file_type: Option<&'static str>,
    account: Option<String>,
    servers: Vec<Server>,
}

impl DefaultIdentity {
    /// The file, with the variable that names it, or that it is the metadata server and why.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The file's type, such as `service_account`. `None` for the metadata server.
    pub fn file_type(&self) -> Option<&'static str> {
        self.file_type
    }

    /// The service account that the ID token is for, by e-mail or unique id. `None` for the
    /// metadata server, which alone knows it, and for a file that names none.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// The servers that are called for an ID token, in this order.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }
}

impl ApplicationDefault {
    /// Looks up what an ID token would be made from now. Reads local files and sends nothing.
    ///
    /// # Errors
    /// When the file that is found can't be read or isn't valid, or when a setting is invalid.
    pub fn identify(&self, cx: &Context) -> Result<DefaultIdentity, BuildError> {
        let found = self.found(cx);
        let (file, target) = self.read(&found)?;
        let mut servers = match &file {
            Some(file) => file.servers()?,
            None => vec![MetadataServer::new().server(cx)?],
        };
        let own = file.as_ref().and_then(CredentialsFile::account);
        // As in `CredentialsFile::id_token_source`, no account impersonates itself.
        if let Some(target) = target.as_ref().filter(|it| own != Some(it.account())) {
            servers.push(target.server()?);
        }
        let account = target.as_ref().map(Target::account).or(own);
        let place = match &found.place {
            Place::Metadata => format!("{}: {}", found.place, looked(cx.environment())),
            place => place.to_string(),
        };
        Ok(DefaultIdentity {
            place,
            file_type: file.as_ref().map(CredentialsFile::r#type),
            account: account.map(|account| account.as_str().to_owned()),
            servers,
        })
    }
}
