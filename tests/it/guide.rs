//! The links of the guide's pages, for readers of a code host and of rustdoc.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The link definitions of a page: their names and targets.
fn definitions(page: &str) -> BTreeMap<&str, &str> {
    let lines = page.lines().filter_map(|line| line.strip_prefix('['));
    lines.filter_map(|line| line.split_once("]: ")).collect()
}

/// The anchors of a page's headings, as code hosts make them.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text
            .chars()
            .filter(|it| it.is_alphanumeric() || " -_".contains(*it));
        kept.map(|it| if it == ' ' { '-' } else { it }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere_on_a_code_host_and_in_rustdoc() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let for_rustdoc = fs::read_to_string(root.join("src/guide/links.md")).unwrap();
    let for_rustdoc = definitions(&for_rustdoc);
    let directory = root.join("docs/guide");
    let read = |name: &str| {
        fs::read_to_string(directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let mut used = Vec::new();
    for entry in fs::read_dir(&directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let page = read(&name);
        assert!(
            !page.contains("](crate::"),
            "{name}: only rustdoc knows crate::"
        );
        for (link, target) in definitions(&page) {
            let item = for_rustdoc.get(link).copied();
            used.extend(item.map(|_| link.to_owned()));
            let expected = match target.split_once(".md") {
                // Another page.
                Some((other, anchor)) if !target.contains("://") => {
                    let anchor = anchor.trim_start_matches('#');
                    let exists = anchor.is_empty()
                        || anchors(&read(&format!("{other}.md"))).contains(&anchor.to_owned());
                    assert!(exists, "{name}: {target} has no such heading");
                    let module = match other {
                        "README" => "crate::guide".to_owned(),
                        other => format!("crate::guide::{other}"),
                    };
                    let anchor = if anchor.is_empty() {
                        String::new()
                    } else {
                        format!("#{anchor}")
                    };
                    Some(module + &anchor)
                }
                _ => target
                    .split_once("?search=")
                    .map(|(_, item)| format!("crate::{}", item.replace("%3A", ":"))),
            };
            match (&expected, item) {
                (Some(expected), Some(item)) => assert_eq!(expected, item, "{name}: {link}"),
                (Some(_), None) => panic!("{name}: src/guide/links.md lacks {link}"),
                (None, _) => assert!(target.starts_with("https://"), "{name}: {target}"),
            }
        }
    }
    used.sort_unstable();
    used.dedup();
    assert_eq!(
        used,
        for_rustdoc
            .keys()
            .map(|link| (*link).to_owned())
            .collect::<Vec<_>>()
    );
}
