//! The page. It needs no script, and every text that comes from elsewhere is escaped.

use crate::status::{Failure, Session, Status};
use std::fmt::Write as _;

/// Seconds until the page loads itself again.
const RELOAD: u32 = 10;

pub fn html(status: &Status) -> String {
    let (class, verdict) = match &status.session {
        Ok(_) if status.refresh_fails() => ("warn", "Credentials are valid, the refresh fails"),
        Ok(_) => ("good", "Credentials are valid"),
        Err(_) => ("bad", "No credentials"),
    };
    let mut main = String::new();
    if status.refresh_fails() {
        main += "<p class=\"note warn\">The last request for new credentials failed. The session \
                 stays in use until it expires, and the refresh is retried.</p>";
    }
    if let Err(failure) = &status.session {
        main += &failed(status, failure);
    }
    main += &google(status);
    main += &aws(status);
    main += &buckets(status);
    main += &hops(status);
    let offline = match status.is_offline {
        true => {
            "<p class=\"note\">Offline: Google, AWS STS and S3 are emulated in this process.</p>"
        }
        false => "",
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"refresh\" content=\"{RELOAD}\"><title>{verdict}</title>\
         <link rel=\"icon\" href=\"/icon.svg\"><link rel=\"stylesheet\" href=\"/style.css\">\
         </head><body><header><h1>From Google to AWS</h1>\
         <p class=\"verdict {class}\">{verdict}</p></header>{offline}<main>{main}</main>\
         <footer>Reloads every {RELOAD} s. As JSON: <a href=\"/healthz\">health</a>, \
         <a href=\"/readyz\">readiness</a>, <a href=\"/api/buckets\">buckets</a>.</footer>\
         </body></html>\n"
    )
}

fn failed(status: &Status, failure: &Failure) -> String {
    let mut body = format!("<p class=\"summary\">{}</p>", escaped(&failure.summary));
    if let Some(seconds) = status.ended {
        let _ = write!(
            body,
            "<p>The last session expired {} ago.</p>",
            span(seconds)
        );
    }
    if !failure.details.is_empty() {
        let _ = write!(body, "<pre>{}</pre>", escaped(&failure.details));
    }
    if let Some(policy) = &failure.policy {
        let _ = write!(
            body,
            "<h3>A trust policy that admits this identity</h3><pre id=\"policy\">{}</pre>",
            escaped(policy)
        );
    }
    section("wide bad", "Why there are no credentials", &body)
}

fn google(status: &Status) -> String {
    let body = match &status.claims {
        Err(failure) => format!("<p>There is no ID token: {}</p>", escaped(&failure.summary)),
        Ok(claims) => {
            let optional =
                |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
            table(&[
                ("Source", status.source.unwrap_or("unknown").to_owned()),
                ("Account (sub)", claims.sub.clone()),
                ("E-mail", optional(&claims.email)),
                ("Issuer (iss)", claims.iss.clone()),
                ("Audience (aud)", claims.aud.clone()),
                ("Authorized party (azp)", optional(&claims.azp)),
            ])
        }
    };
    section("", "Google: who this program is", &body)
}

fn aws(status: &Status) -> String {
    let body = match &status.session {
        Err(_) => "<p>There is no session.</p>".to_owned(),
        Ok(Session {
            arn,
            account,
            access_key_id,
            expires_in,
            refresh_in,
        }) => {
            let (role, name) = role_and_name(arn);
            table(&[
                ("Role", role.to_owned()),
                ("Session", name.to_owned()),
                ("Account", account.clone()),
                ("Access key id", access_key_id.clone()),
                ("Refreshed in about", span(*refresh_in)),
                ("Expires in", span(*expires_in)),
            ])
        }
    };
    section("", "AWS: the role session", &body)
}

/// The parts of `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
fn role_and_name(arn: &str) -> (&str, &str) {
    let role_and_name = arn.split_once(":assumed-role/");
    role_and_name
        .and_then(|(_, rest)| rest.rsplit_once('/'))
        .unwrap_or((arn, "not told"))
}

fn buckets(status: &Status) -> String {
    let body = match &status.buckets {
        None => "<p>Not asked: there is no session.</p>".to_owned(),
        Some(Err(error)) => format!("<p class=\"summary\">{}</p>", escaped(error)),
        Some(Ok(names)) if names.is_empty() => "<p>The account has none.</p>".to_owned(),
        Some(Ok(names)) => {
            let items: String = names
                .iter()
                .map(|name| format!("<li>{}</li>", escaped(name)))
                .collect();
            format!("<ul>{items}</ul>")
        }
    };
    section("", "Buckets", &body)
}

fn hops(status: &Status) -> String {
    let rows: String = status
        .hops
        .iter()
        .map(|hop| {
            let (class, answer) = match hop.status {
                None => ("bad", "no answer".to_owned()),
                Some(code) => (if hop.failed() { "bad" } else { "good" }, code.to_string()),
            };
            format!(
                "<tr><th>{}<small>{}</small></th><td class=\"{class}\">{answer}</td>\
                 <td>{:.1} ms</td><td>{} ago</td></tr>",
                hop.name,
                escaped(&hop.server),
                hop.took.as_secs_f64() * 1000.0,
                span(i64::try_from(hop.at.elapsed().as_secs()).unwrap_or(i64::MAX)),
            )
        })
        .collect();
    let body = format!(
        "<table class=\"hops\"><thead><tr><th>Server</th><th>Answer</th><th>Time</th>\
         <th>Asked</th></tr></thead><tbody>{rows}</tbody></table>"
    );
    section("", "Hops", &body)
}

fn section(class: &str, title: &str, body: &str) -> String {
    format!("<section class=\"{class}\"><h2>{title}</h2>{body}</section>")
}

fn table(rows: &[(&str, String)]) -> String {
    let rows: String = rows
        .iter()
        .map(|(name, value)| format!("<tr><th>{name}</th><td>{}</td></tr>", escaped(value)))
        .collect();
    format!("<table>{rows}</table>")
}

/// Seconds, for a person.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        _ => format!("{} min ({seconds} s)", seconds / 60),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            other => escaped.push(other),
        }
    }
    escaped
}
