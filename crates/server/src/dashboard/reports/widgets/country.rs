//! Names of countries, by their code in ISO 3166-1 alpha-2.

use super::text::Shown;

/// `DE Germany`, one a line, in order of the codes.
const NAMES: &str = include_str!("../../../../data/countries.txt");

/// The name of a code; the code itself where it has none.
pub(in crate::dashboard::reports) fn shown(code: &str) -> Shown {
    let name = NAMES.lines().find_map(|line| line.strip_prefix(code)?.strip_prefix(' '));
    match name {
        Some(name) if code.len() == 2 => Shown::new(name),
        _ => Shown::or(Some(code), "unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names() {
        for (code, name) in
            [("DE", "Germany"), ("AD", "Andorra"), ("ZW", "Zimbabwe"), ("XX", "XX"), ("D", "D")]
        {
            assert_eq!(shown(code).short, name);
        }
        assert!(shown("").ours);
    }

    #[test]
    fn the_list_is_sorted_and_whole() {
        let codes: Vec<&str> = NAMES.lines().filter_map(|line| line.get(..2)).collect();
        assert_eq!(codes.len(), 250);
        assert!(codes.is_sorted());
    }
}
