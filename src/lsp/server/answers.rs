//! Longer answers of the server: what it can do, formatting, which actions are wanted.

use tower_lsp_server::Client;
use tower_lsp_server::ls_types::*;

use crate::lsp::document::{Document, Encoding};
use crate::lsp::{lenses, tokens};

/// What the server can do.
pub(super) fn capabilities(encoding: Encoding) -> ServerCapabilities {
    let utf8 = encoding == Encoding::Utf8;
    let triggers = [".", "(", "\"", " ", "[", "{", ">", ":", "/", ","];
    ServerCapabilities {
        position_encoding: Some(if utf8 { PositionEncodingKind::UTF8 } else { PositionEncodingKind::UTF16 }),
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(TextDocumentSyncSaveOptions::Supported(true)),
            ..TextDocumentSyncOptions::default()
        })),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some(triggers.map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        signature_help_provider: Some(SignatureHelpOptions {
            trigger_characters: Some(vec!["(".to_owned(), ",".to_owned()]),
            ..SignatureHelpOptions::default()
        }),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        workspace_symbol_provider: Some(OneOf::Left(true)),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, CodeActionKind::SOURCE_FIX_ALL]),
            ..CodeActionOptions::default()
        })),
        code_lens_provider: Some(CodeLensOptions { resolve_provider: Some(false) }),
        document_formatting_provider: Some(OneOf::Left(true)),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: WorkDoneProgressOptions::default(),
        })),
        folding_range_provider: Some(FoldingRangeProviderCapability::Simple(true)),
        selection_range_provider: Some(SelectionRangeProviderCapability::Simple(true)),
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: vec![lenses::RUN_TEST.to_owned()],
            ..ExecuteCommandOptions::default()
        }),
        semantic_tokens_provider: Some(SemanticTokensServerCapabilities::SemanticTokensOptions(
            SemanticTokensOptions {
                legend: tokens::legend(),
                full: Some(SemanticTokensFullOptions::Bool(true)),
                ..SemanticTokensOptions::default()
            },
        )),
        inlay_hint_provider: Some(OneOf::Left(true)),
        ..ServerCapabilities::default()
    }
}

/// Asks to hear of changes on disk. A client that cannot has nothing to say then.
pub(super) async fn watch_files(client: &Client) {
    let options = serde_json::json!({ "watchers": [{ "globPattern": "**/*.policy" }] });
    let watch = Registration {
        id: "policies".to_owned(),
        method: "workspace/didChangeWatchedFiles".to_owned(),
        register_options: Some(options),
    };
    if let Err(error) = client.register_capability(vec![watch]).await {
        tracing::debug!(%error, "the editor does not watch files");
    }
}

/// Whether an editor asked for actions of this kind.
pub(super) fn wanted(action: &CodeAction, only: Option<&[CodeActionKind]>) -> bool {
    let kind = action.kind.as_ref().map_or("", CodeActionKind::as_str);
    let within = |asked: &CodeActionKind| {
        let asked = asked.as_str();
        kind.strip_prefix(asked).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    match only {
        Some(only) => only.iter().any(within),
        // Nobody wants a whole file changed by what the light bulb offers first.
        None => true,
    }
}

/// One edit that formats the text; none when it has errors, or is formatted already.
pub(super) fn formatted(document: &Document) -> Option<Vec<TextEdit>> {
    let text = document.text();
    let formatted = crate::dsl::format::format("document", text).ok()?;
    if formatted == text {
        return Some(Vec::new());
    }
    // Only what differs is replaced, so that the cursor and marks elsewhere stay.
    let head = text.bytes().zip(formatted.bytes()).take_while(|(a, b)| a == b).count();
    let head = formatted.floor_char_boundary(text.floor_char_boundary(head));
    let most = text.len().min(formatted.len()) - head;
    let tail = text.bytes().rev().zip(formatted.bytes().rev()).take(most).take_while(|(a, b)| a == b).count();
    let end = text.ceil_char_boundary(text.len() - tail);
    let new_end = (end + formatted.len()).checked_sub(text.len())?;
    let new_text = formatted.get(head..new_end)?.to_owned();
    Some(vec![TextEdit { range: document.place(&(head..end)), new_text }])
}
