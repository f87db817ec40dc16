//! Tables whose columns are separated by commas, for spreadsheets.

/// Cells as a line without its end, quoted as RFC 4180 says. Words that begin like a formula would be run as one by
/// spreadsheets, so that they get an apostrophe in front; numbers below zero do not.
pub fn line<C: AsRef<str>>(cells: &[C]) -> String {
    cells.iter().map(|cell| quoted(cell.as_ref())).collect::<Vec<_>>().join(",")
}

fn quoted(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok();
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number;
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_cell_is_a_cell_whatever_is_in_it() {
        assert_eq!(line(&["7", "-1.50", "a \"b\", c", "=1+1", "-x", ""]), "7,-1.50,\"a \"\"b\"\", c\",'=1+1,'-x,");
        assert_eq!(line(&["one\ntwo"]), "\"one\ntwo\"");
    }
}
