//! Semantic tokens: what each word is, for colours that a grammar of patterns cannot give.

use tower_lsp_server::ls_types::{SemanticToken, SemanticTokenModifier, SemanticTokenType, SemanticTokensLegend};

use super::document::Document;
use super::syntax::{Kind, Role};

const TYPES: &[SemanticTokenType] = &[
    SemanticTokenType::KEYWORD,
    SemanticTokenType::NAMESPACE,
    SemanticTokenType::CLASS,
    SemanticTokenType::TYPE,
    SemanticTokenType::FUNCTION,
    SemanticTokenType::EVENT,
    SemanticTokenType::VARIABLE,
    SemanticTokenType::ENUM_MEMBER,
    SemanticTokenType::PROPERTY,
    SemanticTokenType::METHOD,
    SemanticTokenType::PARAMETER,
    SemanticTokenType::STRING,
    SemanticTokenType::NUMBER,
    SemanticTokenType::OPERATOR,
];

const MODIFIERS: &[SemanticTokenModifier] =
    &[SemanticTokenModifier::DECLARATION, SemanticTokenModifier::DEFAULT_LIBRARY, SemanticTokenModifier::READONLY];
const DECLARATION: u32 = 1;
const LIBRARY: u32 = 2;
const READONLY: u32 = 4;

/// The types and modifiers that [`tokens`] counts.
#[must_use]
pub fn legend() -> SemanticTokensLegend {
    SemanticTokensLegend { token_types: TYPES.to_vec(), token_modifiers: MODIFIERS.to_vec() }
}

fn kind_type(kind: Kind) -> SemanticTokenType {
    match kind {
        Kind::Provider => SemanticTokenType::NAMESPACE,
        Kind::Member => SemanticTokenType::CLASS,
        Kind::Tenant | Kind::Transform | Kind::Alert => SemanticTokenType::TYPE,
        Kind::Route => SemanticTokenType::FUNCTION,
        Kind::Rule => SemanticTokenType::EVENT,
        Kind::Let => SemanticTokenType::VARIABLE,
        Kind::Tag => SemanticTokenType::ENUM_MEMBER,
        Kind::Test | Kind::Invariant => SemanticTokenType::STRING,
    }
}

fn look(role: &Role, text: &str) -> (SemanticTokenType, u32) {
    match role {
        Role::Declares(Kind::Rule) | Role::Refers(Kind::Rule) if text == "default" => (SemanticTokenType::KEYWORD, 0),
        Role::Keyword | Role::Choice => (SemanticTokenType::KEYWORD, 0),
        Role::Declares(kind) => (kind_type(*kind), DECLARATION),
        Role::Refers(kind) => (kind_type(*kind), 0),
        Role::Key(_) => (SemanticTokenType::PROPERTY, 0),
        Role::Variable(Some(_)) => (SemanticTokenType::VARIABLE, LIBRARY | READONLY),
        Role::Variable(None) => (SemanticTokenType::VARIABLE, 0),
        Role::Function => (SemanticTokenType::METHOD, LIBRARY),
        Role::Local => (SemanticTokenType::PARAMETER, 0),
        Role::Word => (SemanticTokenType::ENUM_MEMBER, 0),
        Role::Text => (SemanticTokenType::STRING, 0),
        Role::Number => (SemanticTokenType::NUMBER, 0),
        Role::Operator => (SemanticTokenType::OPERATOR, 0),
    }
}

/// All tokens of a document, relative to each other as the protocol wants them. Strings are left to
/// the patterns of the editor (they may span lines); so are comments.
#[must_use]
pub fn tokens(document: &Document) -> Vec<SemanticToken> {
    let mut out = Vec::new();
    let (mut line, mut column, mut from) = (0, 0, 0);
    for mark in &document.syntax().marks {
        // Marks of one place twice (a string that is a name too) would overlap.
        if mark.role == Role::Text || mark.range.is_empty() || mark.range.start < from {
            continue;
        }
        let place = document.place(&mark.range);
        if place.start.line != place.end.line {
            continue;
        }
        from = mark.range.end;
        let (ty, modifiers) = look(&mark.role, document.slice(&mark.range));
        let number = TYPES.iter().position(|known| *known == ty).unwrap_or(0);
        let new_line = place.start.line - line;
        out.push(SemanticToken {
            delta_line: new_line,
            delta_start: if new_line == 0 { place.start.character - column } else { place.start.character },
            length: place.end.character - place.start.character,
            token_type: u32::try_from(number).unwrap_or(0),
            token_modifiers_bitset: modifiers,
        });
        (line, column) = (place.start.line, place.start.character);
    }
    out
}
