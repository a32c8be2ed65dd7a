use super::*;

fn check() -> Check {
    Check::new(
        "sts",
        "Role session",
        Status::Failed,
        "denied by a policy that is somewhere else",
    )
    .detail(
        "role",
        "arn:aws:iam::123456789012:role/a-name-that-is-longer-than-its-line-of-text",
    )
    .advise("first look: `aws iam get-role --role-name demo --query Role.Arn`; then, `x y`.")
}

fn shown(columns: u16, is_coloured: bool) -> String {
    report(
        &[check()],
        "No working credentials.",
        Style::new(Some(columns), is_coloured),
    )
}

#[test]
fn a_narrow_terminal_breaks_between_words_and_commands_stay_whole() {
    assert_eq!(
        shown(44, false),
        "\
FAIL  Role session: denied by a policy that
      is somewhere else
      role  arn:aws:iam::123456789012:role/a-name-that-is-longer-than-its-line-of-text
      fix: first look:
             aws iam get-role \\
               --role-name demo \\
               --query Role.Arn
           then,
             x y

No working credentials.
"
    );
}

#[test]
fn without_its_line_breaks_a_command_is_as_it_was() {
    let command = "aws iam add-client-id --arn arn:aws:iam::123456789012:oidc-provider/a --id '1'";
    for width in 34..100 {
        let lines = command_lines(command, width).join("\n");
        let joined = lines.replace(" \\\n", " ");
        let words: Vec<_> = joined.split_whitespace().collect();
        assert_eq!(words.join(" "), command);
    }
}

#[test]
fn only_the_mark_is_coloured() {
    let (plain, coloured) = (shown(80, false), shown(80, true));
    assert!(coloured.starts_with("\x1b[1;31mFAIL\x1b[0m  Role session"));
    assert_eq!(
        coloured.replace("\x1b[1;31m", "").replace("\x1b[0m", ""),
        plain
    );
}

#[test]
fn no_terminal_is_80_columns_and_no_width_breaks_it() {
    let text = report(&[check()], "", Style::new(None, false));
    assert_eq!(text, report(&[check()], "", Style::new(Some(80), false)));
    for width in [0, 1, 39, u16::MAX] {
        assert!(shown(width, false).contains("denied"));
    }
}
