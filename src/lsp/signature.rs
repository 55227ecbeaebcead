//! The function whose arguments are being written.

use tower_lsp_server::ls_types::{
    Documentation, ParameterInformation, ParameterLabel, SignatureHelp, SignatureInformation,
};

use super::document::Document;
use super::hover;
use super::syntax;
use crate::dsl::words::{FUNCTIONS, Receiver};

/// The signatures that fit the call around the cursor.
#[must_use]
pub fn help(document: &Document, offset: usize) -> Option<SignatureHelp> {
    let call = syntax::read(document.text().get(..offset)?).call?;
    let rows = FUNCTIONS.iter().filter(|row| row.name == call.name && (row.on != Receiver::None) == call.method);
    let signatures: Vec<SignatureInformation> = rows
        .map(|row| SignatureInformation {
            label: hover::signature(row),
            documentation: Some(Documentation::String(row.doc.to_owned())),
            parameters: Some(
                row.arguments
                    .iter()
                    .map(|name| ParameterInformation {
                        label: ParameterLabel::Simple((*name).to_owned()),
                        documentation: None,
                    })
                    .collect(),
            ),
            active_parameter: None,
        })
        .collect();
    let argument = u32::try_from(call.argument).ok();
    (!signatures.is_empty()).then_some(SignatureHelp {
        signatures,
        active_signature: Some(0),
        active_parameter: argument,
    })
}
