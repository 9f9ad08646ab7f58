//! `amphi login` and `amphi logout`: an API token for this machine, kept in the owner's configuration. A server with a
//! certificate authority of its own is trusted only after its fingerprint was compared, by a person or by an option.

use std::io::Read;

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;
use wire::authority::Fingerprint;

use super::account::ask_new_password;
use super::decode;
use super::failure::{Failure, REFUSED, USAGE};
use super::output::print_line;
use super::terminal::{ask, ask_hidden, confirm, is_interactive, plain, say};
use crate::client::{Client, ClientError, Connection, Credentials, Me, NewToken};
use crate::client::{ca_from_environment, fetch_authority, fingerprint, parse_url, sign_in};

/// Longest token that is read, in bytes.
const TOKEN_BYTES: u64 = 4096;

/// Arguments of `amphi login`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  amphi login https://amphi.example.org
  amphi login http://127.0.0.1:8080 --token-stdin < amphi-data/admin.token
  amphi login https://192.0.2.1:8443 --ca-fingerprint 5f2b…")]
pub(crate) struct LoginArgs {
    /// The server's address
    url: String,
    /// Sign in as this account instead of asking
    #[arg(long, value_name = "LOGIN")]
    login: Option<String>,
    /// Read an API token from standard input instead of asking for a password
    #[arg(long, conflicts_with = "login")]
    token_stdin: bool,
    /// Trust the server's own certificate authority if it has this SHA-256 fingerprint
    #[arg(long, value_name = "HEX")]
    ca_fingerprint: Option<Fingerprint>,
}

/// Arguments of `amphi logout`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  amphi logout")]
pub(crate) struct LogoutArgs {}

/// Stores a token that the server accepts.
pub(super) async fn run(args: LoginArgs) -> Result<(), Failure> {
    let path = Credentials::path()?;
    let url = parse_url("the argument", &args.url)?;
    let ca_pem = trusted_authority(&url, args.ca_fingerprint).await?;
    let connection = |token| Connection { url: url.clone(), token, ca_pem: ca_pem.clone() }.check();
    let (token, token_id) = if args.token_stdin {
        (token_from_stdin()?, None)
    } else {
        // The password is as secret as a token: an address that a token must not go to is refused before asking.
        connection(Some(String::new()))?;
        let made = token_by_password(&connection(None)?, args.login).await?;
        (made.token, Some(made.id))
    };
    let client = Client::new(&connection(Some(token.clone()))?)?;
    let me: Me = decode(client.get::<Value>(&["me"], &[]).await?)?;
    Credentials { url: url.clone(), token, token_id, ca_pem }.save(&path)?;
    say(&format!("signed in to {url} as {}; the token is in {}\n", plain(&me.login), path.display()));
    Ok(())
}

fn token_from_stdin() -> Result<String, Failure> {
    let mut token = String::new();
    std::io::stdin().take(TOKEN_BYTES).read_to_string(&mut token)?;
    let token = token.trim();
    if token.is_empty() {
        return Err(Failure::new(USAGE, "there is no token on standard input").or_try("amphi login URL < FILE"));
    }
    Ok(token.to_owned())
}

/// The authority to trust for `url`; `None`: those of the system.
async fn trusted_authority(url: &Url, expected: Option<Fingerprint>) -> Result<Option<String>, Failure> {
    if url.scheme() == "http" {
        return Ok(None);
    }
    if let Some(pem) = ca_from_environment()? {
        return Ok(Some(pem));
    }
    if expected.is_none() {
        let client = Client::new(&Connection { url: url.clone(), token: None, ca_pem: None })?;
        match client.get::<Value>(&["status"], &[]).await {
            Err(ClientError::Untrusted { .. }) => {}
            Ok(_) | Err(ClientError::Refused(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    let pem = fetch_authority(url).await?;
    let found = fingerprint(&pem)?;
    let is_trusted = match expected {
        Some(expected) => expected == found,
        None if is_interactive() => {
            say(&format!("{url} has a certificate authority of its own. Its SHA-256 fingerprint is\n  {found}\n"));
            confirm("Compare it with what the server's operator says. Trust it?")?
        }
        None => {
            return Err(Failure::new(REFUSED, format!("{url} has a certificate authority that is not trusted yet"))
                .why(format!("its SHA-256 fingerprint is {found}"))
                .or_try("compare it with what the server's operator says, then --ca-fingerprint"));
        }
    };
    if !is_trusted {
        return Err(Failure::new(REFUSED, format!("the certificate authority of {url} is not trusted"))
            .why(format!("its SHA-256 fingerprint is {found}"))
            .or_try("ask the server's operator for the right fingerprint"));
    }
    Ok(Some(pem))
}

/// Signs in for as long as it takes to make a token that this machine keeps.
async fn token_by_password(connection: &Connection, login: Option<String>) -> Result<NewToken, Failure> {
    if !is_interactive() {
        return Err(Failure::new(USAGE, "nobody is here to type a password").or_try("amphi login URL --token-stdin"));
    }
    let login = match login {
        Some(login) => login,
        None => ask("Login: ")?,
    };
    let password = ask_hidden("Password: ")?;
    let mut session = sign_in(connection, &login, &password).await.map_err(|error| match &error {
        ClientError::Refused(problem) if problem.status == 401 => Failure::new(REFUSED, error.to_string())
            .or_try("again; an administrator can give another password for one use"),
        _ => error.into(),
    })?;
    if session.must_change_password {
        say("This password was for one use. Choose one of at least 10 characters.\n");
        let new = new_password(&session.client, &password).await?;
        session = sign_in(connection, &login, &new).await?;
    }
    let host = nix::unistd::gethostname().map_or_else(|_| String::new(), |host| host.to_string_lossy().into_owned());
    let body = json!({ "name": format!("amphi login on {host}") });
    let made = session.client.change(Method::POST, &["tokens"], Some(&body)).await?;
    // The session ends by itself when this fails; the token is what counts.
    if let Err(error) = session.client.change(Method::DELETE, &["sessions", "current"], None).await {
        say(&format!("note: the session used for signing in is still open: {error}\n"));
    }
    decode(made)
}

/// Asks for a password until the server takes one, in the place of one for one use.
async fn new_password(client: &Client, current: &str) -> Result<String, Failure> {
    loop {
        let new = ask_new_password()?;
        let body = json!({ "current": current, "new": new });
        match client.change(Method::POST, &["me", "password"], Some(&body)).await {
            Ok(_) => return Ok(new),
            Err(ClientError::Refused(problem)) if problem.field.as_deref() == Some("new") => {
                Failure::from(problem).print();
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Revokes the token where that is possible, and forgets it in any case.
pub(super) async fn logout(_args: LogoutArgs) -> Result<(), Failure> {
    let path = Credentials::path()?;
    let Some(stored) = Credentials::load(&path)? else {
        return print_line("not signed in");
    };
    let revoked = revoke(&stored).await;
    std::fs::remove_file(&path)?;
    match revoked {
        Ok(()) => say(&format!("signed out of {}\n", stored.url)),
        Err(error) => say(&format!("signed out of {}, but the token still exists there: {error}\n", stored.url)),
    }
    Ok(())
}

async fn revoke(stored: &Credentials) -> Result<(), ClientError> {
    // A token that was given, not made, belongs to whoever made it.
    let Some(id) = &stored.token_id else { return Ok(()) };
    let connection =
        Connection { url: stored.url.clone(), token: Some(stored.token.clone()), ca_pem: stored.ca_pem.clone() };
    Client::new(&connection)?.change(Method::DELETE, &["tokens", id], None).await.map(drop)
}
