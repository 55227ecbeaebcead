//! A short page for each code: what it says, why, a bad and a good example.

/// All pages, one `## P0000` section a code, in the order of the registry.
const PAGES: &str = include_str!("pages.md");

/// The page of a code such as `P0303`, upper or lower case.
#[must_use]
pub fn page(code: &str) -> Option<&'static str> {
    let code = code.to_ascii_uppercase();
    all().into_iter().find(|(known, _)| *known == code).map(|(_, page)| page)
}

/// Every code that has a page, with the page.
#[must_use]
pub fn all() -> Vec<(&'static str, &'static str)> {
    let sections = PAGES.split("\n## ").skip(1);
    sections.map(|section| (section.get(..5).unwrap_or(section), section.trim_end())).collect()
}
